"""Which members of a cluster are offered: a table, and that no answer is empty by accident."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.dns.server.offer import DnsMember, DnsOffer, offer
from lighthouse.dns.server.schema import OnEmpty
from lighthouse.node import Node, parse

KEPT = (DnsMember("old", "10.0.0.9", 80),)
NEVER: tuple[DnsMember, ...] = ()


def node(ip: str, weight: int = 1, **metadata: Any) -> Node:
    return parse({"ip": ip, "port": 80, "host": "h", "weight": weight, "metadata": metadata})


LIVE, DRAINED = node("10.0.0.1"), node("10.0.0.2", weight=0)


@pytest.mark.parametrize(
    ("nodes", "known", "kept", "on_empty", "state", "ips"),
    [
        ([LIVE], True, KEPT, "keep", "live", ["10.0.0.1"]),
        ([LIVE, DRAINED], True, KEPT, "keep", "live", ["10.0.0.1"]),
        ([LIVE], False, NEVER, "keep", "live", ["10.0.0.1"]),
        ([DRAINED], True, KEPT, "keep", "drained", ["10.0.0.2"]),
        ([DRAINED], True, KEPT, "nodata", "empty", []),
        ([DRAINED], True, KEPT, "servfail", "unknown", []),
        ([], True, KEPT, "keep", "kept", ["10.0.0.9"]),
        ([], True, NEVER, "keep", "unknown", []),
        ([], True, KEPT, "nodata", "empty", []),
        ([], True, KEPT, "servfail", "unknown", []),
        ([], False, KEPT, "keep", "kept", ["10.0.0.9"]),
        ([], False, KEPT, "nodata", "kept", ["10.0.0.9"]),
        ([], False, NEVER, "nodata", "unknown", []),
    ],
)
def test_what_is_offered(
    nodes: list[Node],
    known: bool,
    kept: tuple[DnsMember, ...],
    on_empty: OnEmpty,
    state: str,
    ips: list[str],
) -> None:
    found = offer(Cluster("web", list(nodes), {}, known), kept, on_empty)
    assert found.state == state
    assert [member.ip for member in found.members] == ips


@given(
    nodes=st.lists(st.sampled_from([LIVE, DRAINED]), max_size=2, unique_by=lambda n: n.ip),
    known=st.booleans(),
    kept=st.sampled_from([KEPT, NEVER]),
    on_empty=st.sampled_from(["keep", "nodata", "servfail"]),
)
def test_no_members_are_answered_only_where_that_is_meant(
    nodes: list[Node], known: bool, kept: tuple[DnsMember, ...], on_empty: OnEmpty
) -> None:
    found = offer(Cluster("web", list(nodes), {}, known), kept, on_empty)
    if found.state == "empty":
        assert known
        assert on_empty == "nodata"
        assert all(one.weight == 0 for one in nodes)
    else:
        assert bool(found.members) is (found.state != "unknown")


@pytest.mark.parametrize(
    ("metadata", "priority"),
    [
        ({}, 0),
        ({"priority": 7}, 7),
        ({"priority": 7, "backup": True}, 7),
        ({"backup": True}, 10),
        ({"backup": "yes"}, 0),
        ({"priority": -1}, 0),
        ({"priority": 65536}, 0),
        ({"priority": True}, 0),
        ({"priority": "1 0 80 evil."}, 0),
    ],
)
def test_the_priority_is_a_number_or_none(metadata: dict[str, Any], priority: int) -> None:
    found = offer(Cluster("web", [node("10.0.0.1", **metadata)], {}), (), "keep")
    assert found == DnsOffer("live", (DnsMember("h", "10.0.0.1", 80, 1, priority),))
