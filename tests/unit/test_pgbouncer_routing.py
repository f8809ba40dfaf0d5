"""Where PgBouncer's databases lead, from any history of what nodes say of themselves."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.pgbouncer.include import GENERATION, DatabaseLine, parse, render
from lighthouse.pgbouncer.plan import plan
from lighthouse.primary import newest
from lighthouse.schema import Invalid
from lighthouse.testing.values import cluster, node

busy = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])

SECTION = {
    "databases": {
        "main": {"role": "primary"},
        "ro": {"role": "replica", "fallback": "keep"},
        "any": {"role": "any"},
    }
}

metadata = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["primary", "replica", "none"]),
        "timeline": st.integers(1, 4),
        "system": st.sampled_from(["one", "two"]),
        "lag_bytes": st.integers(0, 50),
    },
)
nodes = st.dictionaries(st.integers(1, 4), metadata, max_size=4)
snapshots = st.tuples(nodes, st.booleans())


UNTOLD: dict[str, Any] = {"role": "primary", "timeline": 1}
"""A primary that does not tell to which database system it belongs."""


def made(members: dict[int, dict[str, Any]], known: bool = True) -> Cluster:
    found = [node(f"10.0.0.{number}:5432", **data) for number, data in members.items()]
    return cluster("db", *found, config=SECTION, known=known)


def timeline(one: Node) -> int:
    return int(one.metadata.get("timeline", 0))


@busy
@given(st.lists(snapshots, min_size=1, max_size=12))
@example([({1: UNTOLD, 2: {"timeline": 2, "system": "two"}, 3: UNTOLD | {"system": "one"}}, True)])
def test_no_history_leads_back_to_an_older_timeline_or_loses_a_database(
    history: list[tuple[dict[int, dict[str, Any]], bool]],
) -> None:
    present: dict[str, DatabaseLine] = {}
    known: dict[str, dict[str, int]] = {}
    for members, is_known in history:
        now = made(members if is_known else {}, is_known)
        known = {"db": newest(now.nodes, known.get("db", {}))}
        lines = dict(plan([now], present, known).lines)
        assert present.keys() <= lines.keys()
        led, before = lines.get("main"), present.get("main")
        if led is not None and not led.leads_as(before):
            to = next(one for one in now.nodes if one.ip == led.hosts[0])
            assert to.metadata.get("role") == "primary"
            its = to.metadata.get("system", "")
            others = [
                one
                for one in now.nodes
                if one is not to
                and one.metadata.get("role") == "primary"
                and (not its or one.metadata.get("system", "") in ("", its))
                and timeline(one) >= timeline(to)
            ]
            assert not others
            floor = max((n for key, n in known["db"].items() if key in (its, "")), default=0)
            assert timeline(to) >= floor
        if not now.nodes:
            assert all(lines[name].leads_as(present[name]) for name in present)
        present = lines


@busy
@given(st.permutations(range(1, 7)))
def test_the_order_of_nodes_means_nothing(order: list[int]) -> None:
    members = {number: {"role": "replica" if number > 1 else "primary"} for number in order}
    wanted = made({number: members[number] for number in range(1, 7)})
    shuffled = Cluster("db", [wanted.nodes[number - 1] for number in order], SECTION)
    texts = {render(plan([one], {}, {}).lines.values()) for one in (wanted, shuffled)}
    assert len(texts) == 1


words = st.text(st.sampled_from("ab1 '\"=,;#%\u00e9"), max_size=12)


@busy
@given(st.dictionaries(st.text(st.sampled_from("ab_"), min_size=1), words), words)
def test_what_is_rendered_is_read_back(options: dict[str, str], dbname: str) -> None:
    line = DatabaseLine("a.b-c", ("10.0.0.1", "fd00::1"), 5432, dbname, tuple(options.items()))
    found = parse(render([line]))
    assert found.pop(GENERATION).name == GENERATION
    assert found == {"a.b-c": line}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"password": "x"}, "auth_file"),
        ({"host": "x"}, "written by lighthouse"),
        ({"pool_size": "x"}, "whole number"),
        ({"pool_mode": "sesion"}, "session"),
        ({"connect_query": "a\nb"}, "line ends"),
        ({"pol_size": 1}, "did you mean 'pool_size'"),
    ],
)
def test_options_that_pgbouncer_would_stumble_over(options: dict[str, Any], told: str) -> None:
    section = {"databases": {"a": {"options": options}}}
    with pytest.raises(Invalid, match=told):
        plan([cluster("db", config=section)], {}, {})
