"""What the ``envoy`` balancer makes of settings, sections and nodes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.envoy.rendering.bootstrap import bootstrap, generation
from lighthouse.envoy.rendering.endpoints import assignment
from lighthouse.envoy.rendering.text import (
    discovery_file,
    encoded,
    merged,
    resources_in,
    seconds,
    version_in,
)
from lighthouse.envoy.schema.section import parse_section
from lighthouse.envoy.schema.settings import Zones, parse_settings
from lighthouse.envoy.sync.wanted import WantedProxies
from lighthouse.node import Node, parse
from lighthouse.schema import Invalid

SETTINGS = {"directory": "/var/lib/lighthouse/envoy"}


def node(ip: str, weight: int = 1, **metadata: Any) -> Node:
    return parse({"ip": ip, "port": 80, "weight": weight, "metadata": metadata})


def shape(nodes: list[Node], local: str | None = None) -> list[tuple[int, str, list[str]]]:
    found = assignment("web", nodes, Zones(local=local))["endpoints"]
    return [
        (
            group["priority"],
            group["locality"].get("zone", ""),
            [
                one["endpoint"]["address"]["socket_address"]["address"]
                for one in group["lb_endpoints"]
            ],
        )
        for group in found
    ]


A, B = node("10.0.0.1", zone="a"), node("10.0.0.2", zone="b")
SPARE, BARE = node("10.0.0.3", zone="a", backup=True), node("10.0.0.4")


@pytest.mark.parametrize(
    ("nodes", "local", "groups"),
    [
        ([], None, []),
        ([BARE], None, [(0, "", ["10.0.0.4"])]),
        ([A, B], None, [(0, "a", ["10.0.0.1"]), (0, "b", ["10.0.0.2"])]),
        ([A, B], "a", [(0, "a", ["10.0.0.1"]), (1, "b", ["10.0.0.2"])]),
        (
            [A, B, BARE],
            "b",
            [(0, "b", ["10.0.0.2"]), (1, "", ["10.0.0.4"]), (1, "a", ["10.0.0.1"])],
        ),
        ([SPARE], "a", [(0, "a", ["10.0.0.3"])]),
        ([B, SPARE], "a", [(0, "b", ["10.0.0.2"]), (1, "a", ["10.0.0.3"])]),
    ],
)
def test_nodes_by_priority_and_zone(
    nodes: list[Node], local: str | None, groups: list[tuple[int, str, list[str]]]
) -> None:
    assert shape(nodes, local) == groups


def test_a_weight_of_0_drains() -> None:
    (group,) = assignment("web", [node("10.0.0.1", 0), node("10.0.0.2", 256)], Zones())[
        "endpoints"
    ]
    drained, full = group["lb_endpoints"]
    assert (drained["health_status"], drained["load_balancing_weight"]) == ("DRAINING", 1)
    assert (full.get("health_status"), full["load_balancing_weight"]) == (None, 256)


METADATA = st.dictionaries(
    st.sampled_from(["zone", "backup", "priority", "x"]),
    st.one_of(
        st.text(st.characters(categories=["L", "P", "S", "N"]), max_size=30),
        st.booleans(),
        st.integers(-9, 9),
        st.none(),
        st.lists(st.just("x")),
    ),
)


@given(st.lists(METADATA, max_size=5))
def test_metadata_gets_nowhere_but_into_the_zone(found: list[dict[str, Any]]) -> None:
    nodes = [node(f"10.0.0.{n + 1}", **metadata) for n, metadata in enumerate(found)]
    text = discovery_file([encoded(assignment("web", nodes, Zones()))])
    (resource,) = json.loads(text)["resources"]
    assert set(resource) == {"@type", "cluster_name", "endpoints"}
    assert len(text.splitlines()) == 3
    zones = [group["locality"].get("zone", "") for group in resource["endpoints"]]
    told = [n.metadata.get("zone") for n in nodes]
    assert set(zones) <= {zone if isinstance(zone, str) else "" for zone in told}
    assert sum(len(group["lb_endpoints"]) for group in resource["endpoints"]) == len(nodes)


def test_a_file_reads_back() -> None:
    resources = {"a": encoded({"name": "a", "x": 1}), "b": encoded({"name": "b"})}
    text = discovery_file(resources.values())
    assert resources_in(text) == resources
    assert version_in(text) == version_in(discovery_file(resources.values()))
    assert version_in(text) != version_in(discovery_file([resources["a"]]))
    for broken in ("", "{", "[]", '{"resources": 1}', '{"resources": [1]}', "null"):
        assert (resources_in(broken), version_in(broken)) == ({}, "")


def test_merging_and_times() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merged(base, {"a": {"b": 9}, "d": [2]}) == {"a": {"b": 9, "c": 2}, "d": [2]}
    assert base["a"] == {"b": 1, "c": 2}
    assert [seconds(value) for value in (0, 5.0, 0.25, 100)] == ["0s", "5s", "0.25s", "100s"]


def test_what_cannot_be_told_by_a_file_is_another_generation() -> None:
    one = parse_settings(SETTINGS)
    assert bootstrap(one)["node"]["metadata"] == {"lighthouse": generation(one)}
    other: list[tuple[str, Any]] = [("bootstrap", {"x": 1}), ("concurrency", 2), ("drain_time", 3)]
    same: list[tuple[str, Any]] = [("zones", {"local": "a"}), ("bind_address", "::1")]
    for key, value in other:
        assert generation(parse_settings({**SETTINGS, key: value})) != generation(one)
    for key, value in same:
        assert generation(parse_settings({**SETTINGS, key: value})) == generation(one)


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({}, "'directory' is missing"),
        ({"directory": "envoy"}, "directory: expected an absolute path"),
        ({"directory": "/" + "x" * 100}, "directory: a socket in it would have too long a path"),
        ({"directory": "/x", "bind_adress": "::1"}, "did you mean 'bind_address'?"),
        ({"directory": "/x", "bind_address": "here"}, "bind_address: expected an IP address"),
        ({"directory": "/x", "bootstrap": {"admin": {}}}, "bootstrap.admin: this part"),
        ({"directory": "/x", "envoy_bin": "envoy"}, "envoy_bin: expected an absolute path"),
    ],
)
def test_settings_that_are_wrong(config: dict[str, Any], fault: str) -> None:
    with pytest.raises(Invalid) as told:
        parse_settings(config)
    assert fault in str(told.value)


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({}, "'port' is missing"),
        ({"port": 0}, "port: "),
        ({"port": 1, "mode": "udp"}, "mode: expected one of: http, tcp; got 'udp'"),
        ({"port": 1, "mode": "tcp", "http2": True}, "http2: only with mode: http"),
        ({"port": 1, "balance": "random", "slow_start": 3}, "slow_start: only with"),
        ({"port": 1, "tls": {}}, "tls: 'ca' is missing, or verify: false"),
        ({"port": 1, "tls": {"ca": "/x", "cert": "/y"}}, "tls: 'cert' and 'key' go together"),
        ({"port": 1, "tls": {"ca": "x"}}, "tls.ca: expected an absolute path"),
        ({"port": 1, "health_check": {"path": "health"}}, "health_check.path: expected the path"),
        ({"port": 1, "listener_tls": {"cert": "/x"}}, "listener_tls: 'key' is missing"),
        ({"port": 1, "options": {"clusters": {}}}, "did you mean 'cluster'?"),
    ],
)
def test_sections_that_are_wrong(config: dict[str, Any], fault: str) -> None:
    with pytest.raises(Invalid) as told:
        parse_section(config)
    assert fault in str(told.value)


def test_a_port_stays_with_the_cluster_that_has_it() -> None:
    wanted = WantedProxies(parse_settings(SETTINGS))
    web = Cluster("web", [], {"port": 8000})
    assert wanted.take([web]) == {"web"}
    assert wanted.take([web]) == set()
    first = Cluster("a", [], {"port": 8000, "bind_address": "0.0.0.0"})
    assert wanted.take([first, web]) == set()
    assert [(found.cluster, found.path) for found in wanted.findings] == [("a", ("port",))]
    assert wanted.proxies.keys() == {"web"}
    moved = Cluster("web", [node("10.0.0.1")], {"port": 9000})
    taken = Cluster("a", [], {"port": 9000})
    assert wanted.take([taken, web]) == {"a"}
    assert wanted.take([taken, moved]) == {"web"}
    assert [(found.cluster, found.path) for found in wanted.findings] == [("web", ("port",))]
    kept = wanted.proxies["web"]
    assert kept.spot == ("127.0.0.1", 8000)
    assert "10.0.0.1" in str(kept.endpoints)
    assert wanted.take([moved]) == {"a", "web"}
    assert wanted.proxies["web"].spot == ("127.0.0.1", 9000)
