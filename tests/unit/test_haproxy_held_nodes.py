"""Which members get no traffic on this host: named by the section, or its own front end."""

import pytest

from lighthouse.balancer import Withheld
from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.fronts import fronts
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.schema.cluster import parse_section
from lighthouse.haproxy.sync.held_nodes import LOOP, taken, withhold
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.node import Node

SETTINGS = {
    "config_file": "/etc/haproxy.cfg",
    "socket_file": "/var/run/haproxy.sock",
    "pid_file": "/var/run/haproxy.pid",
}
HERE = ("10.0.0.5", "10.0.0.6", "fd00::5")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The addresses of this host, which may change."""
    found = {*HERE}
    monkeypatch.setattr(binds, "is_here", lambda ip: ip in found)
    return found


@pytest.mark.parametrize(
    ("bind", "ip", "takes"),
    [
        (":80", "10.0.0.5", True),
        ("*:80", "10.0.0.5", True),
        ("0.0.0.0:80", "10.0.0.5", True),
        ("ipv4@:80", "10.0.0.5", True),
        (":80", "fd00::5", False),
        ("[::]:80", "fd00::5", True),
        ("[::]:80", "10.0.0.5", True),
        ("[::]:80 v4v6", "10.0.0.5", True),
        ("[::]:80 v6only", "10.0.0.5", False),
        ("ipv6@:80", "fd00::5", True),
        ("10.0.0.5:80", "10.0.0.5", True),
        ("10.0.0.6:80", "10.0.0.5", False),
        ("127.0.0.1:80", "10.0.0.5", False),
        ("[fd00::5]:80 ssl crt /a.pem", "fd00::5", True),
        ("10.0.0.5:81", "10.0.0.5", False),
        ("10.0.0.5:79-81", "10.0.0.5", True),
        ("10.0.0.6:81,10.0.0.5:80", "10.0.0.5", True),
        ("/run/web.sock", "10.0.0.5", False),
        ("fd@3", "10.0.0.5", False),
        ("", "10.0.0.5", False),
    ],
)
def test_what_a_front_end_takes(bind: str, ip: str, takes: bool) -> None:
    found = list(fronts(f"frontend web\n    bind {bind}\n"))
    assert any(front.takes(ip, 80) for front in found) is takes


def test_a_section_names_nodes_by_any_of_their_names() -> None:
    nodes = (
        *(Node("box", f"10.1.0.{n}", 80) for n in (1, 2, 3)),
        Node("six", "fd00::9", 80),
        Node("other", "10.1.0.4", 80),
    )
    cluster = Cluster("web", [*nodes])
    section = parse_section({"maintenance": ["10.1.0.2:80", "[fd00::9]:80"], "drain": ["other"]})
    held = tuple(withhold(cluster, section, set()))
    assert held == (
        Withheld("web", "in maintenance", (("10.1.0.2", 80), ("fd00::9", 80)), True),
        Withheld("web", "drained", (("10.1.0.4", 80),), True, True),
    )
    assert [(n.ip, n.weight) for n in taken(nodes, held)] == [
        ("10.1.0.1", 1),
        ("10.1.0.3", 1),
        ("10.1.0.4", 0),
    ]
    shared = parse_section({"maintenance": ["box:80"]})
    ((everyone),) = withhold(cluster, shared, set())
    assert len(everyone.nodes) == 3


def test_a_front_end_of_this_host_is_no_node(here: set[str]) -> None:
    nodes = [Node("a", ip, 8000) for ip in (*HERE, "10.9.9.9")] + [Node("a", "10.0.0.5", 8001)]
    members = WantedClusters(parse_settings(SETTINGS))
    cluster = Cluster("web", list(nodes), {"port": 8000})
    members.take([cluster])
    found = {server.ip for server in members.servers(members.stanzas["web"], {}).values()}
    assert found == {"fd00::5", "10.9.9.9", "10.0.0.5"}, "with other ports and kinds of address"
    assert members.withheld == (Withheld("web", LOOP, (("10.0.0.5", 8000), ("10.0.0.6", 8000))),)
    (warning,) = members.loops
    assert (warning.cluster, warning.warning) == ("web", True)
    assert "10.0.0.5:8000, 10.0.0.6:8000 is left out" in warning.message
    assert members.take([cluster]) == (set(), False)
    here.discard("10.0.0.6")
    assert members.take([cluster]) == ({"web"}, False), "its address has moved on"
    assert {s.port for s in members.servers(members.stanzas["web"], {}).values()} == {8000, 8001}
    assert members.withheld[0].nodes == (("10.0.0.5", 8000),)
    members.take([])
    assert not members.withheld


def test_a_shared_front_end_of_this_host_is_no_node_either(here: set[str]) -> None:
    settings = parse_settings({**SETTINGS, "meta_clusters": {"api": {"port": 8080}}})
    members = WantedClusters(settings)
    nodes = (Node("a", "10.0.0.5", 8080), Node("b", "10.0.0.5", 8000))
    section = {"paths": ["/a"]}
    members.take([Cluster("web", [*nodes], section, meta_cluster="api")])
    assert [server.port for server in members.servers(members.stanzas["web"], {}).values()] == [
        8000
    ]


def test_an_address_is_of_this_host_if_what_goes_there_comes_from_it() -> None:
    assert binds.is_here("127.0.0.1")
    assert binds.is_here("127.8.8.8")
    assert binds.is_here("::1")
    assert not binds.is_here("203.0.113.9")
    assert not binds.is_here("2001:db8::9")
