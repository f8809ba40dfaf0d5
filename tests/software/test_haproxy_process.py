"""HAProxy's processes: reloads with a reason and a proof, faults confined, deaths survived."""

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.schema.balancer import parse_settings
from tests.backends import Backends
from tests.disk import small_disk
from tests.ports import free_ports
from tests.software.haproxy_sites import certificate
from tests.software.haproxy_traffic import unstartable
from tests.software.haproxy_world import Load, World, cluster, get, served, until_file
from tests.waiting import eventually


def until_kind(world: World, kind: str) -> str:
    """Wait through the plugin's timers for an outcome of this kind; its reason."""

    def seen() -> list[str]:
        outcome = world.wake()
        return [outcome.reason] if outcome is not None and outcome.kind == kind else []

    return eventually(seen, 15, f"an outcome {kind}")[0]


def test_reloads_under_load_fail_no_request(world: World, http: Backends) -> None:
    port, *others = free_ports(4)
    clusters = [cluster("web", port, http.nodes)]
    world.sync(*clusters)
    load = Load(port)
    try:
        for number, other in enumerate(others):
            clusters.append(cluster(f"more{number}", other, http.nodes[:1]))
            if world.sync(*clusters).kind == "held":
                until_kind(world, "applied")
            assert get(other)[0] == 200
        eventually(lambda: load.done > 200, 30)
    finally:
        load.close()
    assert load.failures == []
    assert world.plugin.status()["reloads"] == 3
    assert world.plugin.status()["reload_reasons"][-1] == "clusters: +more2"


def test_changes_flow_while_a_reload_waits(world: World, http: Backends) -> None:
    one, two, three = free_ports(3)
    web = cluster("web", one, http.nodes[:1])
    world.sync(web)
    assert world.sync(web, cluster("x", two, http.nodes)).kind == "applied"
    outcome = world.sync(
        cluster("web", one, http.nodes[1:2]),
        cluster("x", two, http.nodes),
        cluster("y", three, http.nodes),
    )
    assert outcome.kind == "held"
    assert "+y" in outcome.reason
    assert served(one) == {str(http.nodes[1].port)}
    until_kind(world, "applied")
    assert served(three) == {str(n.port) for n in http.nodes}
    assert served(one) == {str(http.nodes[1].port)}
    assert world.plugin.status()["reloads"] == 2


def test_a_faulty_cluster_keeps_its_last_good_version(world: World, http: Backends) -> None:
    one, two = free_ports(2)
    web = cluster("web", one, http.nodes[:1])
    world.sync(web, cluster("x", two, http.nodes[:1]))
    worker = world.worker
    bad = cluster("x", two, http.nodes[1:2], backend=["mode http", "zork 1"])
    outcome = world.sync(web, bad)
    assert outcome.kind == "degraded"
    assert outcome.reason.startswith("x: unknown keyword 'zork'")
    assert served(two) == {str(http.nodes[1].port)}
    assert world.worker == worker
    until_file(world, [http.nodes[0], http.nodes[1]])
    world.restart_worker()
    assert world.sync(web, bad).kind == "degraded"
    assert world.worker == worker
    assert served(two) == {str(http.nodes[1].port)}
    assert world.sync(web, cluster("x", two, http.nodes[:1])).kind == "applied"
    assert world.worker == worker
    assert served(two) == {str(http.nodes[0].port)}


def test_a_cluster_that_is_faulty_from_the_start_is_left_out(world: World, http: Backends) -> None:
    one, two = free_ports(2)
    web = cluster("web", one, http.nodes[:1])
    outcome = world.sync(web, cluster("x", two, http.nodes, server_options="check zork"))
    assert outcome.kind == "degraded"
    assert "x: " in outcome.reason
    assert "zork" in outcome.reason
    assert get(one)[0] == 200
    (fault,) = world.plugin.status()["faults"]
    assert fault.startswith("x: ")
    assert world.again().kind == "degraded"
    assert world.sync(web, cluster("x", two, http.nodes)).kind == "applied"
    assert get(two)[0] == 200


def test_a_port_belongs_to_the_first_cluster(world: World, http: Backends) -> None:
    (one,) = free_ports(1)
    outcome = world.sync(cluster("a", one, http.nodes[:1]), cluster("b", one, http.nodes[1:2]))
    assert (outcome.kind, outcome.reason) == ("degraded", f"b: port {one} belongs to cluster a")
    assert served(one) == {str(http.nodes[0].port)}


def test_a_taken_address_costs_only_its_cluster(world: World, http: Backends) -> None:
    (one,) = free_ports(1)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    load = Load(one)
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        outcome = world.sync(web, cluster("x", taken, http.nodes))
        assert outcome.kind == "degraded"
        assert "x: cannot bind" in outcome.reason
        load.close()
        assert load.failures == []
        assert world.plugin.status()["reloads"] == 0
    assert world.again().kind == "applied"
    assert get(taken)[0] == 200


def test_a_certificate_that_is_away_takes_no_cluster_off_the_air(
    world: World, http: Backends
) -> None:
    one, two = free_ports(2)
    path = certificate(world.directory)
    plain = cluster("plain", one, http.nodes[:1])
    secured = cluster("secured", two, http.nodes[:1], bind_options=f"ssl crt {path}")
    assert world.sync(plain, secured).kind == "applied"
    kept = path.read_bytes()
    path.unlink()
    (three,) = free_ports(1)
    outcome = world.sync(plain, secured, cluster("new", three, http.nodes[:1]))
    assert outcome.kind == "failed"
    assert [(f.cluster, f.path) for f in outcome.findings] == [("secured", ("bind_options",))]
    with socket.create_connection(("127.0.0.1", two)):
        assert get(one)[0] == 200
    path.write_bytes(kept)
    until_kind(world, "applied")
    assert get(three)[0] == 200


def test_a_running_cluster_keeps_its_port(world: World, http: Backends) -> None:
    one, two = free_ports(2)
    b = cluster("b", one, http.nodes[:1])
    c = cluster("c", two, http.nodes[1:2])
    world.sync(b, c)
    moved = cluster("c", one, http.nodes[1:2])
    outcome = world.sync(cluster("a", one, http.nodes[2:3]), b, moved)
    assert outcome.kind == "degraded"
    assert served(one) == {str(http.nodes[0].port)}
    assert served(two) == {str(http.nodes[1].port)}
    assert {f.cluster for f in outcome.findings} == {"a", "c"}


def test_a_fault_in_the_settings_leaves_everything_as_it_was(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    worker = world.worker
    world.extra = {"defaults": ["mode http", "zork"]}
    outcome = world.sync(cluster("web", port, http.nodes[1:2]))
    assert outcome.kind == "failed"
    assert "zork" in outcome.reason
    assert served(port) == {str(http.nodes[1].port)}
    os.kill(world.master or 0, signal.SIGKILL)
    eventually(lambda: world.master is None)
    eventually(lambda: world.again().kind == "failed" and get(port)[0] == 200)
    world.extra = {}
    assert world.sync(cluster("web", port, http.nodes[1:2])).kind in ("applied", "unchanged")
    assert world.worker != worker


def test_a_reload_that_cannot_be_proven_is_taken_back(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    before = world.text
    with unstartable() as settings:
        world.extra = settings
        outcome = world.sync(cluster("web", port, http.nodes[:1]))
        assert outcome.kind == "failed"
        assert "taken back" in outcome.reason
        assert world.text == before
        assert get(port)[0] == 200
        worker = world.worker
        assert world.again().kind == "failed"
        assert world.worker == worker
        assert world.sync(cluster("web", port, http.nodes[:2])).kind == "failed"
        assert served(port) == {str(n.port) for n in http.nodes[:2]}
    world.extra = {}
    assert world.sync(cluster("web", port, http.nodes[:1])).kind in ("applied", "unchanged")


def test_nothing_to_listen_on_is_never_installed(world: World, http: Backends) -> None:
    assert world.sync().kind == "applied"
    assert world.master is None
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    assert world.sync().kind == "held"
    assert get(port)[0] == 200


def test_haproxy_shares_nothing_with_the_worker(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    world.sync(cluster("web", port, http.nodes[:1]))
    os.close(write)
    assert os.read(read, 1) == b""
    os.close(read)
    master = world.master or 0
    assert os.getsid(master) != os.getsid(0)
    assert os.readlink(f"/proc/{master}/cwd") == "/"
    for number in range(3):
        assert os.readlink(f"/proc/{master}/fd/{number}") == "/dev/null"


@pytest.mark.parametrize("victim", ["master", "worker"])
def test_a_killed_haproxy_is_started_again_at_once(
    world: World, http: Backends, victim: str
) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    world.sync(cluster("web", port, http.nodes[:2]))
    worker = world.worker
    eventually(lambda: world.plugin.status()["running"])
    pid = world.master if victim == "master" else worker
    assert pid
    # HAProxy must have been up for a moment, else it counts as one that does not stay up.
    until_file(world, http.nodes[:2])
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        world.wake(0.05)
        return world.worker != worker and served(port) == {str(n.port) for n in http.nodes[:2]}

    eventually(back, 10, "HAProxy is back")
    assert world.plugin.status()["starts"] == 2


def test_a_restarted_worker_adopts_without_a_change(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    worker = world.worker
    load = Load(port)
    world.sync(cluster("web", port, http.nodes[:2]))
    world.restart_worker()
    assert world.sync(cluster("web", port, http.nodes[:2])).kind == "unchanged"
    world.restart_worker()
    assert world.sync(cluster("web", port, http.nodes[1:3])).kind == "applied"
    load.close()
    assert load.failures == []
    assert served(port) == {str(n.port) for n in http.nodes[1:3]}
    assert world.worker == worker


def test_a_reload_by_someone_else_is_noticed(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    process.reload(parse_settings(world.config).master)
    assert world.sync(cluster("web", port, http.nodes[:2])).kind == "applied"
    assert served(port) == {str(n.port) for n in http.nodes[:2]}


def test_a_reload_to_another_file_is_healed(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    path = Path(world.config["config_file"])
    path.write_text(world.text.replace("LIGHTHOUSE_GENERATION ", "LIGHTHOUSE_GENERATION 0"))
    process.reload(parse_settings(world.config).master)
    assert world.sync(cluster("web", port, http.nodes[:2])).kind == "applied"
    assert served(port) == {str(n.port) for n in http.nodes[:2]}
    assert "GENERATION 0" not in world.ask("show", "env")


def test_a_lost_socket_is_healed(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    Path(world.config["socket_file"]).unlink()
    world.restart_worker()
    assert world.sync(cluster("web", port, http.nodes[:2])).kind == "applied"
    assert served(port) == {str(n.port) for n in http.nodes[:2]}


def test_other_paths_take_over_from_the_old_process(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    web = cluster("web", port, http.nodes)
    world.sync(web)
    old = world.master
    world.extra = {"socket_file": str(world.directory / "other.sock")}
    assert world.sync(web).kind == "applied"
    assert get(port)[0] == 200
    assert world.master not in (None, old)


def test_the_2016_settings_serve(world: World, http: Backends) -> None:
    shared, stats, fixed, tcp, web = free_ports(5)
    world.extra = {
        "global": ["daemon", "maxconn 400"],
        "defaults": ["balance roundrobin", "timeout connect 10s", "timeout client 20s"],
        "stats": {"port": stats, "uri": "/haproxy", "timeouts": {"connect": 4000}},
        "meta_clusters": {"api": {"port": shared, "frontend": ["mode http"]}},
        "proxies": {
            "partner": {
                "port": fixed,
                "upstreams": [
                    {"host": "127.0.0.1", "port": http.nodes[2].port, "max_conn": 40},
                    {"host": "partner.invalid", "port": 88},
                ],
                "options": ["mode http"],
            }
        },
    }
    members = [
        cluster(name, None, [n], acl=f"path_beg /api/{name}", backend=["mode http"])
        for name, n in (("sprockets", http.nodes[0]), ("widgets", http.nodes[1]))
    ]
    grouped = [type(c)(c.name, c.nodes, c.config, meta_cluster="api") for c in members]
    lines = {"frontend": ["option tcplog"], "backend": ["mode tcp", "balance source"]}
    cache = cluster("cache", tcp, http.nodes[:1], **lines)
    webapp = cluster("webapp", web, http.nodes[:1], backend=["mode http"])
    assert world.sync(cache, *grouped, webapp).kind == "applied"
    assert get(web)[0] == 200
    assert get(shared, "/api/sprockets")[1] == str(http.nodes[0].port)
    assert get(shared, "/api/widgets")[1] == str(http.nodes[1].port)
    assert get(shared, "/other")[0] == 503
    assert get(fixed)[1] == str(http.nodes[2].port)
    assert get(tcp)[0] == 200
    assert get(stats, "/haproxy")[0] == 200


def test_a_full_disk_holds_up_the_file_only(world: World, http: Backends) -> None:
    place = world.directory / "tiny"
    with small_disk(place):
        world.extra = {"config_file": str(place / "haproxy.cfg")}
        path = place / "haproxy.cfg"
        (port,) = free_ports(1)
        world.sync(cluster("web", port, http.nodes[:1]))
        until_file(world, http.nodes[:1])
        before = path.read_bytes()
        fill = place / "fill"
        with open(fill, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        world.sync(cluster("web", port, http.nodes[:2]))
        assert served(port) == {str(n.port) for n in http.nodes[:2]}
        assert "cannot be written" in until_kind(world, "degraded")
        assert path.read_bytes() == before
        fill.unlink()
        until_file(world, http.nodes[:2])
        world.close()


def test_a_preview_tells_and_changes_nothing(world: World, http: Backends) -> None:
    one, two = free_ports(2)
    web = cluster("web", one, http.nodes[:1])
    world.plugin.apply_config(world.config)
    assert "started" in world.plugin.preview([web]).reload
    assert not Path(world.config["config_file"]).exists()
    world.sync(web)
    assert world.plugin.preview([web]).commands == ()
    assert world.plugin.preview([web]).reload == ""
    found = world.plugin.preview([cluster("web", one, http.nodes[1:2])])
    assert [command.split()[0] for command in found.commands] == ["add", "set", "set"]
    assert found.reload == ""
    assert f"+    server local_127.0.0.1_{http.nodes[1].port} " in found.diff
    assert world.plugin.preview([web, cluster("x", two, [])]).reload == "clusters: +x"
    assert world.again().kind == "unchanged"
    assert served(one) == {str(http.nodes[0].port)}


def test_a_missing_binary_is_said_and_tried_again(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    binary, world.binary = world.binary, "/nowhere/haproxy"
    outcome = world.sync(cluster("web", port, http.nodes))
    assert outcome.kind == "failed"
    assert "/nowhere/haproxy" in outcome.reason
    world.binary = binary
    assert world.sync(cluster("web", port, http.nodes)).kind == "applied"
    assert get(port)[0] == 200


def test_a_hung_haproxy_is_replaced(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    until_file(world, http.nodes[:1])
    stopped = world.worker
    os.kill(stopped, signal.SIGSTOP)
    try:
        assert world.sync(cluster("web", port, http.nodes[:2])).kind == "applied"
        assert world.worker != stopped
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stopped, signal.SIGKILL)
    eventually(lambda: served(port) == {str(n.port) for n in http.nodes[:2]})
