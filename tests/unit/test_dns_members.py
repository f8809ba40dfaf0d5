"""What DNS says of a cluster, as nodes, and what is asked for."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.dns.answer import SrvRecord
from lighthouse.dns.members import of_addresses, of_services, scaled
from lighthouse.dns.settings import DnsSettings, Override, problems, query
from lighthouse.schema import convert

MANUAL = Path(__file__).parents[2] / "docs" / "discovery-dns.md"

WEIGHTS = [
    ([], []),
    ([0], [1]),
    ([0, 0, 0], [1, 1, 1]),
    ([10, 10, 20], [10, 10, 20]),
    ([1, 256], [1, 256]),
    ([0, 5], [1, 256]),
    ([0, 1, 3], [1, 85, 256]),
    ([100, 65535], [1, 256]),
    ([30000, 60000], [128, 256]),
    ([600, 600], [1, 1]),
    ([0.5, 0.5, 1], [128, 128, 256]),
]


@pytest.mark.parametrize(("shares", "weights"), WEIGHTS)
def test_weights(shares: list[float], weights: list[int]) -> None:
    assert scaled(shares) == weights


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=30))
def test_weights_are_never_none_and_keep_their_order_and_proportion(shares: list[int]) -> None:
    weights = scaled(shares)
    assert all(1 <= weight <= 256 for weight in weights)
    by_share = [weight for _, weight in sorted(zip(shares, weights, strict=True))]
    assert by_share == sorted(weights)
    top = max(shares)
    for share, weight in zip(shares, weights, strict=True):
        if share and top > 256:
            assert abs(weight - share * max(weights) / top) <= 1


def services(*records: tuple[int, int, int, str]) -> list[SrvRecord]:
    return [SrvRecord(*record) for record in records]


def test_the_lowest_priority_is_primary_and_weights_are_scaled_within_each() -> None:
    found = services((20, 0, 3, "c"), (5, 1000, 1, "a"), (5, 500, 2, "b"), (30, 7, 4, "d"))
    random.shuffle(found)
    places = {name: [f"10.0.0.{n}"] for n, name in enumerate("abcd", 1)}
    reading = of_services(found, places, {})
    assert [(n.name, n.ip, n.weight, n.metadata) for n in reading.nodes] == [
        ("b:2", "10.0.0.2", 128, {"priority": 5}),
        ("a:1", "10.0.0.1", 256, {"priority": 5}),
        ("c:3", "10.0.0.3", 1, {"priority": 20, "backup": True}),
        ("d:4", "10.0.0.4", 7, {"priority": 30, "backup": True}),
    ]


def test_the_addresses_of_a_target_share_its_weight() -> None:
    found = services((0, 10, 80, "many"), (0, 10, 80, "one"))
    reading = of_services(found, {"many": ["10.0.0.1", "fd00::1"], "one": ["10.0.0.3"]}, {})
    assert {node.ip: node.weight for node in reading.nodes} == {
        "10.0.0.1": 5,
        "fd00::1": 5,
        "10.0.0.3": 10,
    }


def test_what_is_no_node_is_refused_and_its_siblings_stay() -> None:
    found = services((0, 1, 0, "a"), (0, 1, 80, "_odd"), (0, 1, 80, "gone"), (0, 1, 80, "b"))
    places = {"a": ["10.0.0.1"], "_odd": ["10.0.0.2"], "b": ["0.0.0.0", "10.0.0.3"]}
    reading = of_services(found, places, {"gone": "NXDOMAIN for gone"})
    assert [(node.ip, node.host) for node in reading.nodes] == [
        ("10.0.0.2", "10.0.0.2"),
        ("10.0.0.3", "b"),
    ]
    assert reading.nodes[0].notes == ("host: '_odd' is not a host name; it is left out",)
    assert {refusal.record: refusal.reason for refusal in reading.refused} == {
        "gone:80": "NXDOMAIN for gone",
        "a:0": "port: expected 1..65535, got 0",
        "b:80": "ip: 0.0.0.0 is not an address of one host",
    }


def test_addresses_of_a_name_are_equal_nodes() -> None:
    reading = of_addresses("web.example.com", 80, ["10.0.0.1", "fd00::1"])
    assert [(n.host, n.ip, n.weight, n.metadata) for n in reading.nodes] == [
        ("web.example.com", "10.0.0.1", 1, {}),
        ("web.example.com", "fd00::1", 1, {}),
    ]


PATTERN = {"name": "_{cluster}._tcp.example.com"}
QUERIES: list[tuple[dict[str, Any], tuple[str, bool, int, str]]] = [
    (PATTERN, ("_web._tcp.example.com", True, 0, "any")),
    (
        {"name": "{cluster}.EXAMPLE.com."} | PATTERN | {"family": "ipv6"},
        ("_web._tcp.example.com", True, 0, "ipv6"),
    ),
    ({"name": "{cluster}.X.com.", "record": "A", "port": 80}, ("web.x.com", False, 80, "ipv4")),
    ({"name": "{cluster}.x", "record": "address", "port": 80}, ("web.x", False, 80, "both")),
    (
        PATTERN | {"clusters": {"web": {"name": "web.x", "record": "AAAA", "port": 9}}},
        ("web.x", False, 9, "ipv6"),
    ),
    (
        {"name": "{cluster}.x", "record": "A", "port": 80, "clusters": {"web": {"record": "SRV"}}},
        ("web.x", True, 0, "any"),
    ),
    (
        {"name": "{cluster}.x", "record": "A", "port": 80, "clusters": {"web": {"port": 81}}},
        ("web.x", False, 81, "ipv4"),
    ),
    ({"clusters": {"web": {"name": "_web._tcp.x"}}}, ("_web._tcp.x", True, 0, "any")),
]


@pytest.mark.parametrize(("config", "expected"), QUERIES)
def test_what_is_asked_for_a_cluster(
    config: dict[str, Any], expected: tuple[str, bool, int, str]
) -> None:
    settings = convert(config, DnsSettings)
    assert problems(settings) == []
    found = query(settings, "web")
    assert (found.name, found.service, found.port, found.family) == expected


def test_a_cluster_without_a_name_is_told_where_to_set_one() -> None:
    settings = convert({"clusters": {"web": {"name": "_web._tcp.x"}}}, DnsSettings)
    with pytest.raises(ValueError, match=r"set name, or clusters\.api\.name"):
        query(settings, "api")
    with pytest.raises(ValueError, match="no name that DNS can hold"):
        query(convert(PATTERN, DnsSettings), "a" * 63)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "", "'name' is missing"),
    ({"name": "web.example.com"}, "name", "expected {cluster} in it"),
    ({"name": "{cluster} example"}, "name", "no name of letters"),
    ({"name": "{cluster}..com"}, "name", "no name of letters"),
    ({"name": "{cluster}.x", "record": "A"}, "", "'port' is missing, which record: A needs"),
    (PATTERN | {"port": 80}, "port", "not with record: SRV"),
    (PATTERN | {"max_interval": 1}, "max_interval", "at least min_interval"),
    (PATTERN | {"nameservers": ["10.0.0.1", "ns.x"]}, "nameservers.1", "expected an IP address"),
    (PATTERN | {"nameservers": ["10.0.0.1:0"]}, "nameservers.0", "expected a port 1..65535"),
    (PATTERN | {"clusters": {"web": {"record": "A"}}}, "clusters.web", "'port' is missing"),
    (PATTERN | {"clusters": {"web": {"port": 8}}}, "clusters.web.port", "not with record: SRV"),
    (PATTERN | {"clusters": {"web": {"name": "a b"}}}, "clusters.web.name", "no name of letters"),
    ({"clusters": {"web": {}}}, "clusters.web", "'name' is missing, here or at the top"),
]


@pytest.mark.parametrize(("config", "path", "message"), WRONG)
def test_what_is_wrong_with_settings(config: dict[str, Any], path: str, message: str) -> None:
    (problem,) = problems(convert(config, DnsSettings))
    assert ".".join(map(str, problem.path)) == path
    assert message in problem.message


def test_the_manual_names_every_key_and_its_example_is_right() -> None:
    text = MANUAL.read_text()
    example = re.search(r"```yaml\n# \S+/discovery/dns.yaml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    found = convert(yaml.safe_load(example[1]), DnsSettings)
    assert problems(found) == []
    assert query(found, "legacy").port == 8080
    assert [str(server) for server in found.servers()] == ["10.0.0.53:53", "10.0.1.53:5353"]
    for key in (*DnsSettings.__struct_fields__, *Override.__struct_fields__):
        assert f"`{key}`" in text
