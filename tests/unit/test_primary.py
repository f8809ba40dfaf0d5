"""Which of the nodes that say that they are the primary is followed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.schema.policy import MetadataCondition, Preference, Selection
from lighthouse.membership.selection import select
from lighthouse.node import Node
from lighthouse.primary import Timelines, contest, newest


def node(n: int, role: str, timeline: Any = None, system: str | None = None, **more: Any) -> Node:
    facts = {"role": role, "timeline": timeline, "system": system, **more}
    metadata = {key: value for key, value in facts.items() if value is not None}
    return Node(f"db{n}", f"10.0.0.{n}", 5432, 1, metadata)


OLD, NEW = node(1, "primary", 11), node(2, "primary", 12)
REPLICA = node(3, "replica", 12)
RIVAL = node(4, "primary", 12)
UNTOLD = node(5, "primary")
UPGRADED = node(6, "primary", 1, "b")
A, A2 = node(7, "primary", 12, "a"), node(8, "primary", 11, "a")

CONTESTS: list[
    tuple[tuple[Node, ...], Timelines, tuple[Node, ...] | None, tuple[Node, ...], str]
] = [
    # who is there, what was known, who is followed, who is tied, a part of the reason
    ((), {}, (), (), ""),
    ((REPLICA,), {}, (), (), ""),
    ((NEW, REPLICA), {}, (NEW,), (), ""),
    ((OLD, NEW, REPLICA), {}, (NEW,), (), "db1:5432 says that it is the primary, but timeline 12"),
    ((OLD, REPLICA), {}, (), (), "lost for good, run `lighthouse restart`"),
    ((OLD,), {"": 12}, (), (), "make a replica of it or stop it"),
    ((OLD,), {"": 11}, (OLD,), (), ""),
    (
        (NEW, RIVAL),
        {},
        (),
        (NEW, RIVAL),
        "db2:5432 and db4:5432 say that they are",
    ),
    ((OLD, NEW, RIVAL), {}, (), (NEW, RIVAL), "db1:5432 says that it is the primary, but"),
    ((NEW, UNTOLD), {}, (NEW,), (), "db5:5432 says that it is the primary, but timeline 12"),
    ((UNTOLD, node(6, "primary")), {"": 12}, (UNTOLD, node(6, "primary")), (), ""),
    ((UPGRADED,), {"a": 12}, (UPGRADED,), (), ""),
    ((UPGRADED, A), {}, (), (UPGRADED, A), "of different databases: none is followed until one"),
    ((A, A2), {}, (A,), (), "db8"),
    ((A2,), {"": 12}, (), (), "timeline 12"),
    ((OLD,), {"a": 12}, (), (), "timeline 12"),
    ((node(1, "primary", True), node(2, "primary", "12")), {}, None, (), ""),
]


@pytest.mark.parametrize(("nodes", "known", "primaries", "tied", "reason"), CONTESTS)
def test_contests(
    nodes: tuple[Node, ...],
    known: Timelines,
    primaries: tuple[Node, ...] | None,
    tied: tuple[Node, ...],
    reason: str,
) -> None:
    found = contest(nodes, newest(nodes, known))
    claiming = tuple(one for one in nodes if one.metadata["role"] == "primary")
    assert found.primaries == (claiming if primaries is None else primaries)
    assert found.tied == tied
    assert reason in found.reason
    assert bool(found.reason) == bool(reason)
    for one in claiming:
        assert bool(found.why_not(one.key)) is (one not in found.primaries)


def test_the_preference_comes_after_the_contest() -> None:
    """Else an old primary that is near would keep the true one out."""
    near, far = node(1, "primary", 1, zone="a"), node(2, "primary", 2, zone="b")
    wanted = Selection((MetadataCondition("role", ("primary",)),), Preference("zone", ("a",)))
    assert select((near, far), wanted, newest((near, far), {}))[0] == (far,)


def test_who_does_not_ask_for_the_primary_is_given_all() -> None:
    either = Selection((MetadataCondition("role", ("replica",), negated=True),))
    for selection in (Selection(), either):
        assert select((OLD, NEW), selection, {"": 12})[0] == (OLD, NEW)


readings = st.lists(
    st.lists(
        st.builds(
            node,
            st.integers(1, 4),
            st.sampled_from(["primary", "replica"]),
            st.one_of(st.none(), st.integers(1, 5)),
        ),
        max_size=4,
        unique_by=lambda one: one.key,
    ),
    max_size=8,
)


@given(readings)
def test_no_history_leads_back_or_to_two(history: list[list[Node]]) -> None:
    """Nobody is followed on a lower timeline than before, and of those with one, one at most."""
    known: Timelines = {}
    followed = 0
    for nodes in history:
        known = newest(nodes, known)
        found = contest(nodes, known)
        published = [one.metadata.get("timeline") for one in found.primaries]
        numbers = [number for number in published if number is not None]
        assert len(numbers) <= 1
        for number in numbers:
            assert len(found.primaries) == 1
            assert number >= followed
            followed = number
