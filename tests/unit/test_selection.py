"""Which nodes are served, by their metadata."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.schema.policy import MetadataCondition, Preference, Selection
from lighthouse.membership.selection import has, select
from lighthouse.node import Node


def node(n: int, weight: int = 1, **metadata: Any) -> Node:
    return Node(f"n{n}", f"10.0.0.{n}", 80, weight, metadata)


HAS = [
    ({"role": "primary"}, "role", "primary", True),
    ({"role": "replica"}, "role", "primary", False),
    ({}, "role", "primary", False),
    ({"no": 1}, "no", "1", True),
    ({"no": "1"}, "no", 1, True),
    ({"no": 1.0}, "no", 1, True),
    ({"no": 1.5}, "no", 1, False),
    ({"up": True}, "up", True, True),
    ({"up": "true"}, "up", True, True),
    ({"up": True}, "up", 1, False),
    ({"up": None}, "up", "None", False),
    ({"labels": {"zone": "a"}}, "labels.zone", "a", True),
    ({"labels.zone": "b", "labels": {"zone": "a"}}, "labels.zone", "a", False),
    ({"labels": "a"}, "labels.zone", "a", False),
    ({"tags": ["x", 2]}, "tags", 2, True),
    ({"tags": ["x", 2]}, "tags", "y", False),
    ({"a": {"b": 1}}, "a", "b", False),
    ({"region:r1": ""}, "region:r1", "", True),
    ({"region:r1": "x"}, "region:r1", "", False),
    ({"region:r2": ""}, "region:r1", "", False),
    ({"a.b/c": {"d:e": 1}}, "a.b/c.d:e", 1, True),
]


@pytest.mark.parametrize(("metadata", "key", "value", "found"), HAS)
def test_what_a_node_has(metadata: dict[str, Any], key: str, value: Any, found: bool) -> None:
    assert has(node(1, **metadata), key, value) is found


A, B, C, D = (
    node(1, zone="a", role="primary"),
    node(2, zone="a", role="replica"),
    node(3, zone="b", role="replica"),
    node(4),
)
ALL = (A, B, C, D)
REPLICAS = MetadataCondition("role", ("replica",))
NO_REPLICAS = MetadataCondition("role", ("replica",), negated=True)
SELECTIONS = [
    (Selection(), ALL),
    (Selection((REPLICAS,)), (B, C)),
    (Selection((NO_REPLICAS,)), (A, D)),
    (Selection((MetadataCondition("zone", ("b", "c")),)), (C,)),
    (Selection((REPLICAS, MetadataCondition("zone", ("a",)))), (B,)),
    (Selection(prefer=Preference("zone", ("a",))), (A, B)),
    (Selection(prefer=Preference("zone", ("a",), 2)), (A, B)),
    (Selection(prefer=Preference("zone", ("a",), 3)), ALL),
    (Selection(prefer=Preference("zone", ("c",))), ALL),
    (Selection(prefer=Preference("zone", ("c", "b", "a"))), (C,)),
    (Selection(prefer=Preference("zone", ())), ALL),
    (Selection((REPLICAS,), Preference("zone", ("a",), 2)), (B, C)),
    (Selection((REPLICAS,), Preference("zone", ("a",))), (B,)),
]


@pytest.mark.parametrize(("selection", "nodes"), SELECTIONS)
def test_selections(selection: Selection, nodes: tuple[Node, ...]) -> None:
    assert select(ALL, selection)[0] == nodes


def test_nodes_that_take_no_traffic_are_no_reason_to_prefer_their_zone() -> None:
    drained = node(1, 0, zone="a")
    wanted = Selection(prefer=Preference("zone", ("a",)))
    assert select((drained, C), wanted)[0] == (drained, C)


zones = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(zones, st.integers(0, 2)), max_size=20), zones, st.integers(1, 5))
def test_a_preference_never_leaves_nobody(
    rows: list[tuple[str, int]], zone: str, least: int
) -> None:
    nodes = tuple(node(n, weight, zone=z) for n, (z, weight) in enumerate(rows))
    served, _ = select(nodes, Selection(prefer=Preference("zone", (zone,), least)))
    usable = [n for n in nodes if n.weight]
    assert not usable or any(n.weight for n in served)
    assert served == nodes or {n.metadata["zone"] for n in served} == {zone}
