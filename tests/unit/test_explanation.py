"""Every step that a node can take is told."""

from typing import Any

import pytest

from lighthouse.config.schema.policy import (
    Failover,
    Loss,
    MetadataCondition,
    Percent,
    Policy,
    Preference,
    Scalar,
    Selection,
)
from lighthouse.config.schema.types import ClusterFile, Config, ServiceFile
from lighthouse.daemon.explanation_document import ExplanationDocument
from lighthouse.daemon.status_document import Cause, Consequence, HoldStatus
from lighthouse.discovery import Reading, Refusal
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.node import Node, parse
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.answers.explanation import Unknown, document
from lighthouse.supervisor.state import State

HOST = HostIdentity("here", "10.0.0.7")
SPARE = Node("spare", "10.9.9.9", 80)
ONE = Node("one", "10.0.0.1", 80, 1, {"zone": "a"})
TWO = Node("two", "10.0.0.2", 80, 2, {"zone": "b"})


def explained(
    readings: list[Any],
    node: str = "",
    lost: Any = (),
    passes: float = 0.0,
    remembered: tuple[Node] | None = None,
    services: dict[str, ServiceFile] | None = None,
    **policy: Any,
) -> ExplanationDocument:
    """The explanation of ``web`` after these readings of ``a`` and ``b``, and some time."""
    state = State(Config(), HOST, {})
    if remembered is not None:
        state.memberships.remember("web", {"a": Reading(remembered)}, 1.0, {"a": 500.0})
    file = ClusterFile("web", ("a", "b"), None, Policy(**policy), {}, "clusters/web.yaml")
    state.configure(Config(clusters={"web": file}, services=services or {}), 0.0)
    for source, found in readings:
        state.observe(source, "web", SourceReading(Reading(tuple(found)), 1.0), 0.0)
    for source in lost:
        state.link(source, SourceConnection("suspended", "gone", 0.0))
    now = 0.0
    while (due := state.memberships.next_due(now)) is not None and due <= passes:
        now = due
        state.pass_time(now)
    return document(state, [], [], "web", node, passes, 1000.0)


def test_what_of_a_record_was_left_out_is_said() -> None:
    node = parse({"ip": "10.0.0.1", "port": "80", "weight": "heavy", "host": "one"})
    (found,) = explained([("a", [node])]).nodes
    assert found.is_in
    assert found.steps == (
        "a names it, with weight 1",
        "its record there: weight: expected 0..256, got 'heavy'; it is left out",
    )


PRIMARY = Selection((MetadataCondition("zone", ("a",)),))


def equals(*values: Scalar) -> Selection:
    return Selection((MetadataCondition("zone", values),))


NOT_B = Selection((MetadataCondition("zone", ("b",), True),))
STEPS = [
    # what is asked with, the node, whether it is in and with which weight, its last step
    ({"readings": [("a", [ONE])]}, "one", 1, "a names it, with weight 1"),
    ({"readings": [("a", [ONE])], "selection": NOT_B}, "one", 1, "a names it, with weight 1"),
    (
        {"readings": [("a", [ONE, TWO])], "selection": PRIMARY},
        "two",
        None,
        "not selected: its metadata zone is none of: a",
    ),
    (
        {"readings": [("a", [ONE])], "selection": equals("", "b, c", 7)},
        "one",
        None,
        'not selected: its metadata zone is none of: "", "b, c", 7',
    ),
    (
        {"readings": [("a", [ONE])], "selection": Selection(prefer=Preference("zone", ("",)))},
        "one",
        1,
        'fewer than 1 usable nodes have zone "", so that all are served',
    ),
    (
        {"readings": [("a", [ONE, TWO])], "selection": NOT_B},
        "two:80",
        None,
        "not selected: its metadata zone must not be b",
    ),
    (
        {
            "readings": [("a", [ONE, TWO])],
            "selection": Selection(prefer=Preference("zone", ("b",))),
        },
        "10.0.0.1",
        None,
        "only nodes with zone b are served, and it is not one",
    ),
    (
        {
            "readings": [("a", [ONE, TWO])],
            "selection": Selection(prefer=Preference("zone", ("b",), 2)),
        },
        "10.0.0.1:80",
        1,
        "fewer than 2 usable nodes have zone b, so that all are served",
    ),
    (
        {"readings": [("a", [ONE]), ("b", [TWO])], "combine": Failover()},
        "two",
        None,
        "only a is believed now, by order of failover",
    ),
    (
        {"readings": [("a", [ONE]), ("b", [TWO])], "combine": Percent({"a": 80, "b": 20})},
        "two",
        64,
        "its weight 2 became 64, so that all nodes of b have 20 % of the total",
    ),
    (
        {"readings": [("a", [ONE]), ("a", [])]},
        "one",
        1,
        "the source names it no more; the shrink guard holds its loss back",
    ),
    (
        {"readings": [("a", [ONE])], "lost": "a", "passes": 9.0},
        "one",
        1,
        "a names it, with weight 1; a has been away for 9 s, and its last known nodes stay",
    ),
    (
        {"readings": [("a", [ONE])], "lost": "a", "passes": 9.0, "loss": Loss("fence", 5.0)},
        "one",
        None,
        "a names it, with weight 1; a has been away for 9 s, so its nodes are not served",
    ),
    (
        {"readings": [("a", [ONE])], "lost": "a", "passes": 9.0, "loss": Loss("drain", 5.0)},
        "one",
        0,
        "with weight 0 it takes no new sessions",
    ),
    (
        {"readings": [], "remembered": (ONE,), "loss": Loss("fence", 60.0)},
        "one",
        None,
        "a names it, with weight 1; a has not answered yet; "
        "what it said 500 s ago is too old to be served",
    ),
    (
        {"readings": [("a", [])], "default_nodes": (SPARE,)},
        "spare",
        1,
        "it is a default node, and the cluster has no other node to serve",
    ),
    (
        {"readings": [("a", [ONE])], "default_nodes": (SPARE,)},
        "spare",
        None,
        "it is a default node, and not needed now",
    ),
]


@pytest.mark.parametrize(("asked", "name", "weight", "step"), STEPS)
def test_the_last_step_decides(
    asked: dict[str, Any], name: str, weight: int | None, step: str
) -> None:
    (node,) = explained(node=name, **asked).nodes
    assert (node.is_in, node.weight) == (weight is not None, weight)
    assert node.steps[-1] == step


def test_a_service_of_this_host_is_told_of_though_nobody_names_it() -> None:
    service = ServiceFile("web", "127.0.0.1", (80,), ("a",), None, 1, {}, (), "s.yaml")
    other = ServiceFile("api", "127.0.0.1", (81,), ("a",), None, 1, {}, (), "o.yaml")
    found = explained([("a", [ONE])], services={"s": service, "o": other})
    local = {node.name: node.local for node in found.nodes}
    assert local.keys() == {"one:80", "10.0.0.7:80"}
    assert local["one:80"] is None
    there = local["10.0.0.7:80"]
    assert there is not None
    assert (there.up, there.registered) == (True, False)


def test_the_cluster_itself_is_explained() -> None:
    found = explained([("a", [ONE]), ("a", [])], passes=1.0)
    assert (found.version, found.held_back, found.stale) == (1, ("one:80",), False)
    assert found.guard.holds == (HoldStatus(source=None, since=1000.0, obeyed_in=4.0),)
    assert [source.nodes for source in found.sources] == [0, None]
    assert found.links["b"].state is None


def test_what_is_not_there_is_unknown() -> None:
    state = State(Config(), HOST, {})
    file = ClusterFile("web", ("a",), None, Policy(), {}, "clusters/web.yaml")
    state.configure(Config(clusters={"web": file}), 0.0)
    reading = Reading((ONE,), (Refusal("bad.json", "no ip"),))
    state.observe("a", "web", SourceReading(reading, 1.0), 0.0)
    with pytest.raises(Unknown, match="no cluster 'wep'; there are: web"):
        document(state, [], [], "wep", "", 0.0, 0.0)
    with pytest.raises(Unknown, match="no node 'two'"):
        document(state, [], [], "web", "two", 0.0, 0.0)
    found = document(state, [], [], "web", "bad", 0.0, 0.0)
    assert (found.nodes, [r.record for r in found.refused]) == ((), ["bad.json"])


REJECTED = Cause(
    kind="file",
    name="discovery/a.yaml",
    message="discovery/a.yaml:2:1: unknown key 'pth'",
    consequences=(Consequence(kind="discovery", name="a", effect="idle"),),
)
CRASH = Cause(kind="discovery", name="a", message="SIGSEGV")
AWAY = Cause(kind="discovery", name="a", message="suspended: gone for good")


@pytest.mark.parametrize(
    ("causes", "lost", "reason"),
    [
        ([], (), "it has not said anything yet"),
        ([REJECTED], (), "discovery/a.yaml:2:1: unknown key 'pth'"),
        ([REJECTED, CRASH], (), "SIGSEGV"),
        ([AWAY], ("a",), "gone for good"),
        ([], ("a",), "gone"),
    ],
)
def test_a_source_that_does_not_answer_is_explained_by_its_cause(
    causes: list[Cause], lost: tuple[str, ...], reason: str
) -> None:
    state = State(Config(), HOST, {})
    file = ClusterFile("web", ("a",), None, Policy(), {}, "clusters/web.yaml")
    state.configure(Config(clusters={"web": file}), 0.0)
    for source in lost:
        state.link(source, SourceConnection("suspended", "gone", 0.0))
    assert document(state, [], causes, "web", "", 0.0, 0.0).links["a"].reason == reason
