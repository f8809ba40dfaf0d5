"""Sockets that vanish, processes that die or stop, others who reload: noticed and healed."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.haproxy.runtime import pid, process
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.process.ending import known
from tests.backends import Backends
from tests.ports import free_ports
from tests.software.haproxy_traffic import admin_states, drive, is_gone, old_workers
from tests.software.haproxy_world import Load, World, cluster, get, node, served, until_file
from tests.waiting import eventually


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """One that need not be waited for."""
    monkeypatch.setattr("lighthouse.haproxy.sync.writer.QUIET", 0.05)
    world.extra = {"reload_interval": 0.1}
    return world


@pytest.fixture
def http_nodes() -> Iterator[Backends]:
    servers = Backends(3)
    yield servers
    servers.close()


def settled(world: World, http: Backends) -> int:
    """A cluster that is served and in the file; its port."""
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes))
    until_file(world, http.nodes)
    return port


def everything_works(world: World, http: Backends, port: int) -> None:
    """Members, the file and a reload, as if nothing had been."""
    (other,) = free_ports(1)
    web = cluster("web", port, http.nodes[:2])
    world.sync(web)
    eventually(lambda: served(port) == {str(n.port) for n in http.nodes[:2]})
    until_file(world, http.nodes[:2])
    world.sync(web, cluster("x", other, http.nodes[:2]))
    drive(world, lambda: get(other)[0] == 200)
    assert world.again().kind == "unchanged"


@pytest.mark.parametrize("name", ["haproxy.sock", "haproxy.sock.master"])
def test_a_socket_that_is_removed(world: World, http_nodes: Backends, name: str) -> None:
    port = settled(world, http_nodes)
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    kept.request("GET", "/")
    assert kept.getresponse().read()
    path = world.directory / name
    path.unlink()
    if name == "haproxy.sock":
        begun = time.monotonic()
        drive(world, path.exists)
        assert time.monotonic() - begun < 5
    kept.request("GET", "/")
    assert kept.getresponse().status == 200, "who was connected notices nothing"
    kept.close()
    everything_works(world, http_nodes, port)
    eventually(lambda: path.exists(), 5, f"{name} is back")


def test_a_reload_without_the_masters_socket_fails_no_request(
    world: World, http_nodes: Backends
) -> None:
    port = settled(world, http_nodes)
    (world.directory / "haproxy.sock.master").unlink()
    (other,) = free_ports(1)
    web = cluster("web", port, http_nodes.nodes)
    load, master = Load(port), world.master
    assert world.sync(web, cluster("x", other, http_nodes.nodes)).kind == "applied"
    assert world.master == master
    assert get(other)[0] == 200
    seen = load.done
    eventually(lambda: load.done > seen + 50)
    load.close()
    assert load.failures == []


def test_a_stopped_worker_is_noticed_and_no_request_hangs(
    world: World, http_nodes: Backends, caplog: pytest.LogCaptureFixture
) -> None:
    port = settled(world, http_nodes)
    stopped = world.worker
    os.kill(stopped, signal.SIGSTOP)
    begun = time.monotonic()
    drive(world, lambda: world.plugin.status()["pid"] not in (None, stopped))
    took = time.monotonic() - begun
    assert [record for record in caplog.records if "HAProxy's socket" in record.message]
    assert world.plugin.status()["starts"] == 2
    assert took < 10
    # until the kernel has closed what it held, connections to it are refused or reset
    eventually(lambda: is_gone(stopped) and all(get(port)[0] == 200 for _ in range(20)))
    for _ in range(20):
        assert get(port)[0] == 200
    everything_works(world, http_nodes, port)


def test_a_stopped_master_is_replaced_by_a_reload(world: World, http_nodes: Backends) -> None:
    port = settled(world, http_nodes)
    master = world.master or 0
    os.kill(master, signal.SIGSTOP)
    try:
        everything_works(world, http_nodes, port)
        eventually(lambda: not known.is_stopped(master))
        # a former worker must not go on taking a share of the connections
        eventually(lambda: served(port, 40) == {str(n.port) for n in http_nodes.nodes[:2]})
    finally:
        if known.is_stopped(master):
            os.kill(master, signal.SIGKILL)


@pytest.mark.parametrize("both", [False, True], ids=["worker", "both"])
def test_deaths_under_load(world: World, http_nodes: Backends, both: bool) -> None:
    port = settled(world, http_nodes)
    worker, master = world.worker, world.master or 0
    for victim in (master, worker) if both else (worker,):
        os.kill(victim, signal.SIGKILL)
    begun = time.monotonic()
    drive(world, lambda: world.worker != worker and get(port)[0] == 200)
    assert time.monotonic() - begun < 8
    everything_works(world, http_nodes, port)
    assert world.plugin.status()["starts"] == 2


def test_a_reload_by_hand_on_an_old_file_is_healed(world: World, http_nodes: Backends) -> None:
    one, two = free_ports(2)
    world.extra = {"reload_interval": 0.1}
    web, x = cluster("web", one, http_nodes.nodes[:1]), cluster("x", two, http_nodes.nodes)
    world.sync(web)
    until_file(world, http_nodes.nodes[:1])
    old = world.text
    world.sync(web, x)
    writer = world.plugin._reconciler.writer
    drive(world, lambda: get(two)[0] == 200 and writer.after() is None)
    Path(world.config["config_file"]).write_text(old)
    load = Load(one)
    worker = process.reload(parse_settings(world.config).master)
    eventually(lambda: is_closed(two))  # the former worker lets go of it a moment later
    drive(world, lambda: get(two)[0] == 200)
    load.close()
    assert load.failures == []
    assert world.worker != worker
    assert "frontend x" in world.text
    assert world.again().kind == "unchanged"


def is_closed(port: int) -> bool:
    """Return True if nobody accepts connections at this port."""
    try:
        get(port)
    except OSError as error:
        return "refused" in str(error)
    return False


def refuses(path: str) -> bool:
    """Whether nobody accepts connections there, as while a master reads its file."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def test_a_worker_adopts_while_a_reload_is_under_way(world: World, http_nodes: Backends) -> None:
    """The former was killed after it had asked for the reload, and nobody waits for it."""
    one, two = free_ports(2)
    # so many servers that HAProxy takes a while
    many = [node(1000 + n, host=f"h{n}") for n in range(8000)]
    web = cluster("web", one, http_nodes.nodes)
    x = cluster("x", two, http_nodes.nodes)
    big = cluster("big", None, many)
    world.sync(web, big)
    master = parse_settings(world.config).master
    before = process.processes(master)
    world.restart_worker()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.connect(master)
        killed.sendall(b"reload\n")
    eventually(lambda: refuses(master), 10, "the reload is under way")
    load = Load(one)
    assert world.sync(web, big).kind in ("applied", "unchanged")
    load.close()
    assert load.failures == []
    after = process.processes(master)
    assert after.reloads == before.reloads + 1, "no second reload"
    assert world.worker == after.workers[0]
    world.sync(web, big, x)
    drive(world, lambda: get(two)[0] == 200)


def test_an_alien_haproxy_at_our_socket_is_left_alone(world: World, http_nodes: Backends) -> None:
    one, two = free_ports(2)
    alien = world.directory / "alien.cfg"
    alien.write_text(
        f"global\n stats socket {world.config['socket_file']} mode 600 level admin\n"
        "defaults\n mode http\n timeout connect 1s\n timeout client 9s\n timeout server 9s\n"
        f"frontend f\n bind 127.0.0.1:{two}\n http-request return status 200\n"
    )
    stranger = subprocess.Popen([world.binary, "-W", "-db", "-f", str(alien)])
    try:
        eventually(lambda: get(two)[0] == 200)
        eventually(lambda: Path(world.config["socket_file"]).exists())
        outcome = world.sync(cluster("web", one, http_nodes.nodes))
        assert outcome.kind == "failed"
        assert "was not started on" in outcome.reason
        assert "left alone" in outcome.reason
        assert get(two)[0] == 200
        assert world.master is None
        assert world.again().kind == "failed"
        assert stranger.poll() is None
    finally:
        stranger.terminate()
        stranger.wait()
    drive(world, lambda: world.again() and get(one)[0] == 200)


def replace(path: Path, text: str) -> None:
    """Save a file as an editor does."""
    beside = path.with_name("edited")
    beside.write_text(text)
    beside.replace(path)


def test_a_hand_edit_is_reported_kept_and_forgotten(
    world: World, http_nodes: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lighthouse.haproxy.sync.drift.EVERY", 0.3)
    monkeypatch.setattr("lighthouse.haproxy.sync.drift.SHARE", 1)
    world.extra = {"reload_interval": 0.1}
    port = settled(world, http_nodes)
    path = Path(world.config["config_file"])
    good = world.text
    edited = good.replace("    timeout client 60s\n", "    timeout client 61s\n")
    line = edited.splitlines().index("    timeout client 61s") + 1
    replace(path, edited)
    drive(world, lambda: world.plugin.status()["edited"])
    assert world.plugin.status()["edited"] == f"line {line}: timeout client 61s"
    outcome = world.again()
    assert outcome.kind == "degraded"
    assert f"edited by hand, line {line}: timeout client 61s" in outcome.reason
    # members go on, the file does not
    web = cluster("web", port, http_nodes.nodes[:1])
    world.sync(web)
    assert served(port) == {str(http_nodes.nodes[0].port)}
    drive(world, lambda: not world.plugin._reconciler.writer.after())
    assert world.text == edited
    # undone by hand
    replace(path, good)
    drive(world, lambda: world.again().kind == "unchanged")
    until_file(world, http_nodes.nodes[:1])
    assert world.plugin.status()["edited"] == ""
    # edited again, and replaced by a reload, which keeps it
    edited = world.text.replace("timeout client 60s", "timeout client 62s")
    replace(path, edited)
    drive(world, lambda: world.plugin.status()["edited"])
    (other,) = free_ports(1)
    world.sync(web, cluster("x", other, http_nodes.nodes))
    drive(world, lambda: get(other)[0] == 200)
    assert (path.parent / ".haproxy.cfg.1").read_text() == edited
    assert "timeout client 60s" in world.text
    drive(world, lambda: world.again().kind == "unchanged")
    assert world.plugin.status()["edited"] == ""


def test_what_others_did_through_the_socket_is_repaired(
    world: World, http_nodes: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lighthouse.haproxy.sync.drift.EVERY", 0.3)
    monkeypatch.setattr("lighthouse.haproxy.sync.drift.SHARE", 1)
    port = settled(world, http_nodes)
    worker = world.worker
    first, second, third = sorted(admin_states(world, "web"))
    world.ask("set", "server", f"web/{first}", "state", "maint")
    world.ask("set", "server", f"web/{second}", "addr", "127.0.0.1", "port", "1")
    world.ask("set", "server", f"web/{third}", "weight", "7")
    (dead,) = free_ports(1)
    world.ask("add", "server", "web/stranger", f"127.0.0.1:{dead}", "id", "77")
    world.ask("set", "server", "web/stranger", "state", "ready")
    drive(world, lambda: world.plugin.status()["drift_repaired"] >= 4)
    states = admin_states(world, "web")
    assert {n for n, bits in states.items() if not bits} == {first, second, third}
    assert states["stranger"] & 1
    assert served(port, 20) == {str(n.port) for n in http_nodes.nodes}
    rows = {f["svname"]: f["weight"] for f in world.figures("web")}
    assert rows[third] == "1"
    assert world.plugin.status()["drift_repaired"] == 4
    assert (world.worker, world.plugin.status()["reloads"]) == (worker, 0)
    assert not list(old_workers(world))


@pytest.mark.parametrize("step", ["start", "reload"])
def test_a_death_as_it_begins_to_serve_is_no_fault_of_the_configuration(
    world: World, http_nodes: Backends, step: str
) -> None:
    """It is started again at once: who waits for an answer of the dead waits in vain."""
    port, other = free_ports(2)
    web = cluster("web", port, http_nodes.nodes)
    clusters, ports = [web], [port]
    before = ""
    if step == "reload":
        world.sync(web)
        until_file(world, http_nodes.nodes)
        before = world.text
        clusters.append(cluster("x", other, http_nodes.nodes))
        ports.append(other)
    config, settings = Path(world.config["config_file"]), parse_settings(world.config)
    killed: list[int] = []

    def kill() -> None:
        """The master and its workers, once the file is there that they are to load."""
        while not killed:
            if not config.exists() or config.read_text() == before:
                continue
            time.sleep(0.001)
            if (master := process.running(settings)) is not None:
                for one in pid.family(master):
                    known.end(one, signal.SIGKILL)
                killed.append(master)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    begun = time.monotonic()
    outcome = world.sync(*clusters)
    killer.join(10)
    assert killed
    assert outcome.kind == "applied", outcome
    assert time.monotonic() - begun < 10
    drive(world, lambda: {get(one)[0] for one in ports} == {200}, 30)
    assert world.again().kind == "unchanged"
