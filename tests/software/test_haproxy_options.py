"""What nodes may set of their servers: of use if it fits, and never in anybody's way."""

from typing import Any

import pytest

from tests.backends import serving
from tests.ports import free_ports
from tests.software.haproxy_sites import ask, until_applied, weights
from tests.software.haproxy_world import Load, World, cluster, until_file
from tests.waiting import eventually

EVIL: list[Any] = ["1\nlisten evil", "5;set server web/x state maint", "${HOME}", "5 disabled"]
EVIL += ["5#6", "'", '"', -1, 10**12, 1.5, None, [5], {"a": 5}, "x" * 3000, "0x10", "\uff19"]


def test_nodes_set_the_options_they_may(world: World) -> None:
    (port,) = free_ports(1)
    world.extra = {"node_options": ["maxconn"]}
    section = {"node_options": ["backup"]}
    with serving(3) as (one, two, three):
        nodes = [one.node(maxconn=7, rise=9), two.node(backup=True), three.node(slowstart="5s")]
        world.sync(cluster("web", port, [], **section))
        assert world.sync(cluster("web", port, nodes, **section)).kind == "applied"
        rows = {row["addr"].rpartition(":")[2]: row for row in world.figures("web")}
        assert {n: (r["slim"], r["bck"]) for n, r in rows.items()} == {
            one.name: ("7", "0"),
            two.name: ("", "1"),
            three.name: ("", "0"),
        }
        assert {str(ask(port)) for _ in range(8)} == {one.name, three.name}
        world.sync(cluster("web", port, nodes[1:2], **section))
        assert ask(port) == two.name
        until_file(world, nodes[1:2])
        assert world.text.count("rise") == world.text.count("slowstart") == 0
        assert world.plugin.status()["reloads"] == 0


def test_a_changed_value_makes_another_server_and_fails_no_request(world: World) -> None:
    (port,) = free_ports(1)
    section = {"node_options": ["maxconn"]}
    with serving(1) as (site,):
        world.sync(cluster("web", port, [site.node(maxconn=500)], **section))
        worker = world.worker
        load = Load(port)
        try:
            for limit in (600, 700, 600, 500):
                world.sync(cluster("web", port, [site.node(maxconn=limit)], **section))
                rows = [row for row in world.figures("web") if row["status"] != "MAINT"]
                assert [row["slim"] for row in rows] == [str(limit)]
                aim = load.done + 50
                eventually(lambda aim=aim: load.done > aim, 20)
        finally:
            load.close()
        assert load.failures == []
        assert world.worker == worker
        until_file(world, [site.node()])
        assert world.text.count("maxconn 500") == 1


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_hostile_values_are_not_used_and_said(world: World, mode: str) -> None:
    """Whatever a node says, its cluster is served: by the socket, and by the file."""
    port, other = free_ports(2)
    options = ["maxconn", "backup", "inter", "slowstart", "verifyhost", "observe", "check"]
    section = {"node_options": options, "backend": [f"mode {mode}"]}
    odd = [
        {"maxconn": EVIL[0], "inter": "9999999999d", "backup": "true"},
        {"inter": "25d", "slowstart": "9999999999", "check": True},
        {"observe": "layer7", "slowstart": "0", "check": 1},
        {"inter": 0, "check": True},
        {"inter": "0s", "check": True},
        {"verifyhost": "a b", "maxconn": 2**31},
        *({"maxconn": value, "verifyhost": value, "inter": value} for value in EVIL),
    ]
    with serving(1) as (site,):
        nodes = [site.node(host=f"n{n}") for n in range(len(odd))]
        many = [
            type(n)(n.host, f"127.0.0.{i + 1}", n.port, 1, odd[i]) for i, n in enumerate(nodes)
        ]
        world.sync(cluster("web", port, many[:1], **section))
        before = world.ask("show", "env"), world.ask("show", "backend")
        for count in range(2, len(many) + 1):
            outcome = world.sync(cluster("web", port, many[:count], **section))
            assert (outcome.kind, outcome.reason) == ("applied", "")
        assert (world.ask("show", "env"), world.ask("show", "backend")) == before
        assert len(weights(world, "web")) == len(many)
        assert world.plugin.status()["reloads"] == 0
        assert any("its maxconn is no value" in w for w in world.plugin.status()["warnings"])
        more = cluster("x", other, [site.node()])
        until_applied(world, world.sync(cluster("web", port, many, **section), more))
        assert len(weights(world, "web")) == len(many)
        assert world.again().kind == "unchanged"


def test_more_options_than_a_line_can_hold_are_refused_before_a_node_has_them(
    world: World,
) -> None:
    """HAProxy reads 64 words of a line or command; nobody may be surprised by a node's."""
    port, other = free_ports(2)
    names = ["check", "maxconn", "minconn", "maxqueue", "rise", "fall", "error-limit", "port"]
    names += ["inter", "fastinter", "downinter", "slowstart", "observe", "on-error"]
    names += ["on-marked-down", "on-marked-up", "verifyhost", "check-sni"]
    words = "error-limit 5 fall 3 rise 2 inter 2s fastinter 1s downinter 1s"
    values = dict.fromkeys(names[1:7], 5) | dict.fromkeys(names[8:12], "5s")
    values |= {"on-error": "mark-down", "on-marked-down": "shutdown-sessions", "check-sni": "a"}
    values |= {"on-marked-up": "shutdown-backup-sessions", "observe": "layer4", "verifyhost": "a"}
    with serving(2) as (one, two):
        full = type(one.node())("h", "127.0.0.1", two.port, 1, {**values, "check": True})
        fits = {"node_options": names, "server_options": words}
        world.sync(cluster("web", port, [one.node()], **fits))
        assert world.sync(cluster("web", port, [one.node(), full], **fits)).kind == "applied"
        both = {one.name, two.name}
        eventually(lambda: {str(ask(port)) for _ in range(20)} == both, 10, "after its slow start")
        assert world.plugin.status()["reloads"] == 0
        long = {**fits, "server_options": f"{words} {words}"}
        web = cluster("web", port, [one.node(), full], **long)
        outcome = world.sync(web, cluster("x", other, [one.node()]))
        assert (outcome.kind, outcome.findings[0].cluster) == ("degraded", "web")
        assert "64" in outcome.reason
        assert {str(ask(port)) for _ in range(20)} == both
        assert ask(other) == one.name
