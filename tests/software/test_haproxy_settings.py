"""What the balancer's file and a cluster's section promise, asked of a real HAProxy."""

import grp
import os
import pwd
import socket
import stat
from typing import Any

import pytest

from lighthouse.haproxy.runtime.socket import Runtime
from tests.backends import Backend, serving
from tests.ports import free_ports
from tests.requirements import require
from tests.software.haproxy_sites import ask, compare, readopted, statuses, until_applied
from tests.software.haproxy_world import World, cluster, node, until_file
from tests.waiting import eventually

ROOT = pytest.mark.needs("root")


def test_sockets_in_the_file_system_serve_like_ports(world: World) -> None:
    (port,) = free_ports(1)
    one, two = (str(world.directory / name) for name in ("one.sock", "two.sock"))
    with serving(2) as (first, second):
        section = {"bind": [f"{one} mode 660", f"unix@{two}", f"127.0.0.1:{port}"]}
        web = cluster("web", None, [first.node()], **section)
        assert world.sync(web).kind == "applied"
        assert ask(one) == ask(two) == ask(port) == first.name
        assert stat.S_IMODE(os.stat(one).st_mode) == 0o660
        (other,) = free_ports(1)
        more = cluster("x", other, [second.node()])
        until_applied(world, world.sync(web, more))
        assert ask(one) == first.name
        assert ask(other) == second.name
        alone = cluster("web", None, [second.node()], bind=one)
        until_applied(world, world.sync(alone, more))
        assert ask(one) == second.name


@ROOT
def test_the_operators_line_for_our_socket_keeps_its_mode_and_group(world: World) -> None:
    group = next(g for g in grp.getgrall() if g.gr_gid not in (0, os.getegid()))
    path = world.config["socket_file"]
    (port,) = free_ports(1)
    other = str(world.directory / "others.sock")
    world.extra = {
        "global": [
            f"stats   socket  {path} mode 660 group {group.gr_name} level operator # ours",
            f"stats socket {other} mode 600 level user",
        ]
    }
    with serving(2) as (one, two):
        world.sync(cluster("web", port, [one.node()]))
        assert world.sync(cluster("web", port, [two.node()])).kind == "applied"
        assert ask(port) == two.name
    found = os.stat(path)
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group.gr_gid)
    assert world.text.count(f" {path} ") == 1
    runtime = Runtime(other)
    try:
        assert (
            "Permission denied" in runtime.ask([("set", "server", "web/x", "state", "maint")])[0]
        )
    finally:
        runtime.close()


def test_our_socket_may_be_written_with_its_family(world: World) -> None:
    (port,) = free_ports(1)
    path = world.config["socket_file"]
    world.extra = {"global": [f"stats socket unix@{path} mode 666 level user"]}
    with serving(2) as (one, two):
        world.sync(cluster("web", port, [one.node()]))
        assert world.sync(cluster("web", port, [two.node()])).kind == "applied"
        assert ask(port) == two.name
    assert world.text.count("stats socket") == 1
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666


@ROOT
@pytest.mark.needs("nobody")
def test_an_haproxy_without_rights_is_led_and_reloaded_all_the_same(world: World) -> None:
    user = pwd.getpwnam("nobody")
    cage = world.directory / "cage"
    cage.mkdir(mode=0o755)
    group = grp.getgrgid(user.pw_gid).gr_name
    world.extra = {"global": ["user nobody", f"group {group}", f"chroot {cage}"]}
    port, other = free_ports(2)
    with serving(2) as (one, two):
        world.sync(cluster("web", port, [one.node()]))
        worker = world.worker
        assert os.stat(f"/proc/{worker}").st_uid == user.pw_uid
        assert os.readlink(f"/proc/{worker}/root") == str(cage)
        assert world.sync(cluster("web", port, [two.node()])).kind == "applied"
        assert ask(port) == two.name
        assert world.worker == worker
        more = cluster("x", other, [one.node()])
        until_applied(world, world.sync(cluster("web", port, [two.node()]), more))
        assert ask(other) == one.name
        assert ask(port) == two.name
        assert os.readlink(f"/proc/{world.worker}/root") == str(cage)
        assert readopted(world).kind == "unchanged"


def test_sections_of_the_operators_own_are_served_verbatim(world: World) -> None:
    port, admin, plain, metrics, api = free_ports(5)
    world.extra = {
        "extra_sections": {
            f"listen stats :{admin}": ["mode http", "stats enable", "stats uri /"],
            "frontend plain": [f"bind 127.0.0.1:{plain}", "mode http", "use_backend web"],
            "userlist people": ["user anna insecure-password secret"],
            f"listen guarded 127.0.0.1:{api}": [
                "http-request auth unless { http_auth(people) }",
            ],
        },
        "prometheus": {"port": metrics, "path": "/figures"},
    }
    with serving(1) as (site,):
        assert world.sync(cluster("web", port, [site.node()])).kind == "applied"
        assert ask(plain) == ask(port) == site.name
        assert "Statistics Report" in ask(admin)
        assert ask(api).status == 401
        assert "haproxy_backend_" in ask(metrics, "/figures")
        assert ask(metrics, "/").status == 404


def test_proxies_lead_to_their_fixed_servers_with_limits_and_options(world: World) -> None:
    one, two, three = free_ports(3)
    with serving(2) as (first, second):
        upstreams = [
            {"host": "127.0.0.1", "port": first.port, "max_conn": 40},
            {"host": "localhost", "port": second.port, "name": "second", "options": "backup"},
        ]
        world.extra = {
            "defaults": [],
            "proxies": {
                "partner": {"port": one, "upstreams": upstreams, "options": ["mode http"]},
                "raw": {"port": two, "bind_address": "127.0.0.2", "upstreams": upstreams[:1]},
                "gone": {"port": three, "upstreams": [{"host": "gone.invalid", "port": 80}]},
            },
        }
        assert world.sync().kind == "applied"
        assert ask(one) == first.name
        with socket.create_connection(("127.0.0.2", two), 5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        rows = {row["svname"]: row for row in world.figures("partner")}
        assert (rows["partner_1"]["slim"], rows["second"]["bck"]) == ("40", "1")
        world.ask("set", "server", "partner/partner_1", "state", "maint")
        assert ask(one) == second.name


def test_default_servers_serve_while_no_member_does(world: World) -> None:
    (port,) = free_ports(1)
    with serving(3) as (spare, member, other):
        section: dict[str, Any] = {
            "default_servers": [{"host": "127.0.0.1", "port": spare.port}],
            "backend": ["option httpchk GET /health"],
            "server_options": "check inter 100 rise 1 fall 1",
        }
        world.sync(cluster("web", port, [], **section))
        assert ask(port) == spare.name
        world.sync(cluster("web", port, [member.node(), other.node()], **section))
        assert {str(ask(port)) for _ in range(8)} == {member.name, other.name}
        member.healthy = other.healthy = False
        eventually(lambda: ask(port) == spare.name)
        member.healthy = True
        eventually(lambda: ask(port) == member.name)
        world.sync(cluster("web", port, [], **section))
        assert ask(port) == spare.name
        assert world.plugin.status()["reloads"] == 0


def test_health_checks_reach_nodes_added_at_run_time(world: World) -> None:
    (port,) = free_ports(1)
    section = {
        "backend": ["option httpchk GET /health"],
        "server_options": "check inter 100 rise 2 fall 2",
    }
    with serving(2) as (one, two):
        world.sync(cluster("web", port, [one.node()], **section))
        two.healthy = False
        web = cluster("web", port, [one.node(), two.node()], **section)
        world.sync(web)
        down = {one.name: "UP", two.name: "DOWN"}
        eventually(lambda: statuses(world, "web") == down, 10)
        assert {str(ask(port)) for _ in range(6)} == {one.name}
        other = cluster("x", free_ports(1)[0], [one.node()])
        former = world.worker
        until_applied(world, world.sync(web, other))
        assert world.worker != former
        assert statuses(world, "web") == down, "the state of health went along"
        two.healthy = True
        eventually(lambda: statuses(world, "web")[two.name] == "UP", 10)


def test_cookies_keep_clients_with_their_nodes(world: World) -> None:
    (port,) = free_ports(1)
    with serving(2) as (one, two):
        nodes = [one.node(), two.node()]
        section = {"backend": ["cookie SRV insert indirect nocache"]}
        world.sync(cluster("web", port, nodes, **section))
        worker = world.worker
        for site in (one, two):
            cookie = f"SRV=127.0.0.1:{site.port}"
            assert {str(ask(port, cookie=cookie)) for _ in range(5)} == {site.name}
        world.sync(cluster("web", port, nodes[:1], **section))
        assert ask(port, cookie=f"SRV=127.0.0.1:{two.port}") == one.name
        world.sync(cluster("web", port, nodes, **section))
        assert ask(port, cookie=f"SRV=127.0.0.1:{two.port}") == two.name
        assert world.worker == worker
        until_file(world, nodes)


def test_a_cookie_on_slots_is_its_nodes_wherever_that_sits(world: World) -> None:
    """Slots are each host's own, and a client may come by another host next time."""
    (port,) = free_ports(1)
    with serving(3) as (one, two, three):
        section = {"backend": ["cookie SRV insert indirect nocache"], "slots": 3}

        def cookies(*places: Backend) -> dict[str, str]:
            world.sync(cluster("web", port, [site.node() for site in places], **section))
            found = [ask(port) for _ in range(9)]
            return {str(r): r.headers["set-cookie"].partition(";")[0] for r in found}

        before = cookies(one, two)
        cookies(two)
        cookies(two, three)
        after = cookies(one, two, three)
        assert {name: after[name] for name in before} == before
        assert len(set(after.values())) == 3
        assert all(str(ask(port, cookie=text)) == name for name, text in after.items())
        assert world.plugin.status()["reloads"] == 0


def test_slots_keep_clients_and_weights_follow(world: World) -> None:
    (port,) = free_ports(1)
    with serving(3) as (one, two, three):
        section = {"backend": ["cookie SRV insert"], "slots": 3}
        world.sync(cluster("web", port, [one.node(), two.node()], **section))
        worker = world.worker
        keeper = next(r for _ in range(9) if (r := ask(port)) == one.name)
        cookie = keeper.headers["set-cookie"].split(";")[0]
        world.sync(cluster("web", port, [one.node(), two.node(0), three.node(7)], **section))
        assert {str(ask(port)) for _ in range(12)} == {one.name, three.name}
        assert {str(ask(port, cookie=cookie)) for _ in range(5)} == {one.name}
        assert world.worker == worker
        rows = {row["addr"].rpartition(":")[2]: row["weight"] for row in world.figures("web")}
        assert [rows[site.name] for site in (one, two, three)] == ["1", "0", "7"]


def test_lists_of_the_operator_drain_and_stop_nodes(world: World) -> None:
    (port,) = free_ports(1)
    with serving(3) as (one, two, three):
        nodes = [one.node(), two.node(host="b"), three.node(host="c")]
        world.sync(cluster("web", port, nodes))
        worker = world.worker
        lists = {"drain": [f"b:{two.port}"], "maintenance": ["c"]}
        assert world.sync(cluster("web", port, nodes, **lists)).kind == "applied"
        assert {str(ask(port)) for _ in range(8)} == {one.name}
        assert statuses(world, "web")[three.name] == "MAINT"
        until_file(world, nodes[:2])
        assert f"b_127.0.0.1_{two.port} 127.0.0.1:{two.port}" in world.text
        compare(world)
        assert {str(ask(port)) for _ in range(8)} == {one.name}
        assert world.plugin.status()["drift_repaired"] == 0
        assert readopted(world).kind == "unchanged"
        assert world.sync(cluster("web", port, nodes)).kind == "applied"
        everyone = {one.name, two.name, three.name}
        eventually(lambda: {str(ask(port)) for _ in range(12)} == everyone, 10)
        assert world.worker == worker


def test_weights_share_the_requests(world: World) -> None:
    (port,) = free_ports(1)
    with serving(2) as (one, two):
        world.sync(cluster("web", port, [one.node(9), two.node(1)]))
        found = [str(ask(port)) for _ in range(40)]
        assert found.count(one.name) == 36
        world.sync(cluster("web", port, [one.node(1), two.node(1)]))
        found = [str(ask(port)) for _ in range(40)]
        assert abs(found.count(one.name) - 20) <= 2
        assert world.plugin.status()["reloads"] == 0


def test_addresses_of_ipv6_are_bound(world: World) -> None:
    require("ipv6")
    (port,) = free_ports(1)
    world.extra = {"bind_address": "::1"}
    with serving(1) as (site,):
        assert world.sync(cluster("web", port, [site.node()])).kind == "applied"
        with socket.create_connection(("::1", port), 5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_two_nodes_of_one_address_family_and_name_are_two(world: World) -> None:
    (port,) = free_ports(1)
    with serving(2) as (one, two):
        nodes = [node(one.port, host="same"), node(two.port, host="same")]
        world.sync(cluster("web", port, nodes))
        assert {str(ask(port)) for _ in range(8)} == {one.name, two.name}
