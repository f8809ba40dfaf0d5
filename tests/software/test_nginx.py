"""The nginx balancer with real ones: Debian's, and the one of the wheel."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.balancer import Outcome
from lighthouse.nginx.balancer import Nginx
from lighthouse.nginx.master import Master
from tests.backends import Backend, serving
from tests.disk import small_disk
from tests.fleet import get
from tests.ports import free_port
from tests.software.nginx_world import DEBIAN, WHEEL, NginxWorld, nginx_world, web
from tests.waiting import eventually


@pytest.fixture(params=[DEBIAN, WHEEL], ids=["debian", "wheel"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NginxWorld]:
    with nginx_world(tmp_path, request.param) as found:
        yield found


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[NginxWorld]:
    with nginx_world(tmp_path, DEBIAN) as found:
        yield found


@pytest.fixture
def servers() -> Iterator[list[Backend]]:
    with serving(2) as found:
        yield found


def started(world: NginxWorld, *servers: Backend) -> Nginx:
    """A balancer whose nginx serves some servers as ``web``."""
    balancer = world.balancer()
    assert balancer.sync_file([web(*(one.node() for one in servers))]).kind == "degraded"
    world.start()
    assert balancer.sync_file([web(*(one.node() for one in servers))]).kind == "applied"
    return balancer


def workers(world: NginxWorld) -> set[int]:
    """Those that take connections."""
    return set(Master(str(world.pid_file), None).workers().serving)


def told(outcome: Outcome) -> tuple[str, list[tuple[str | None, tuple[str | int, ...]]]]:
    return outcome.kind, [(f.cluster, f.path) for f in outcome.findings if not f.warning]


def test_what_is_served_changes_with_a_proven_reload(
    world: NginxWorld, servers: list[Backend]
) -> None:
    balancer = started(world, servers[0])
    assert get(world.port) == (200, servers[0].name)
    before = workers(world)
    changed = [web(servers[0].node(0), servers[1].node())]
    assert balancer.sync_file(changed).kind == "applied"
    assert {get(world.port)[1] for _ in range(4)} == {servers[1].name}
    assert workers(world).isdisjoint(before)
    after, text = workers(world), world.file.read_bytes()
    assert balancer.sync_file(changed).kind == "unchanged"
    assert (workers(world), world.file.read_bytes()) == (after, text)
    status = balancer.status()
    assert (status["upstreams"], status["workers"], status["reloads"]) == (1, 2, 2)
    assert balancer.sync_file([web()]).kind == "applied"
    assert get(world.port)[0] == 502
    assert balancer.sync_file([web(servers[0].node())]).kind == "applied"
    assert balancer.sync_file([web(on_empty="keep")]).kind == "unchanged"
    assert get(world.port)[0] == 200


def test_what_nginx_refuses_never_reaches_its_files(
    world: NginxWorld, servers: list[Backend]
) -> None:
    """Its cluster goes on with the section that nginx took, and with the nodes of now."""
    balancer = started(world, servers[0])
    wrong = web(servers[1].node(), balance="least_con")
    assert world.balancer().preview([wrong]).findings
    other = web(servers[0].node(), name="other")
    expected = ("degraded", [("web", ("balance",))])
    assert told(balancer.sync_file([other, wrong])) == expected
    assert get(world.port) == (200, servers[1].name)
    assert told(balancer.sync_file([other, wrong])) == expected
    successor = world.balancer()
    wrong = web(servers[0].node(), balance="least_con")
    assert told(successor.sync_file([other, wrong])) == expected
    assert get(world.port) == (200, servers[0].name)
    assert "least_con" not in world.file.read_text()
    assert world.file.with_name("lighthouse-other.conf").exists()
    subprocess.run([world.binary, "-t", "-c", str(world.main)], check=True, capture_output=True)
    assert balancer.sync_file([other, web(servers[1].node())]).kind in ("unchanged", "applied")


def test_an_upstream_that_nginx_still_names_stays(
    debian: NginxWorld, servers: list[Backend]
) -> None:
    balancer = started(debian, servers[0])
    outcome = balancer.sync_file([])
    assert outcome.kind == "degraded"
    assert 'web is served no more, but stays: host not found in upstream "web"' in outcome.reason
    assert get(debian.port)[0] == 200


def test_a_broken_configuration_of_its_operator_touches_nothing(
    debian: NginxWorld, servers: list[Backend]
) -> None:
    balancer = started(debian, servers[0])
    before, text = workers(debian), debian.file.read_bytes()
    (debian.directory / "http.d/theirs.conf").write_text("nonsense;\n")
    outcome = balancer.sync_file([web(servers[1].node())])
    assert outcome.kind == "failed"
    assert 'unknown directive "nonsense"' in outcome.reason
    assert "http.d/theirs.conf:1" in outcome.reason
    assert (workers(debian), debian.file.read_bytes()) == (before, text)


def test_a_reload_that_the_master_refuses_is_undone(
    debian: NginxWorld, servers: list[Backend]
) -> None:
    """What `nginx -t` cannot see: a port that somebody has."""
    balancer = started(debian, servers[0])
    before, text = workers(debian), debian.file.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        theirs = debian.directory / "http.d/theirs.conf"
        theirs.write_text(f"server {{ listen 127.0.0.1:{port}; }}\n")
        outcome = balancer.sync_file([web(servers[1].node())])
    assert outcome.kind == "failed"
    assert "Address already in use" in outcome.reason
    assert outcome.reason.endswith("; the former files are back")
    assert (workers(debian), debian.file.read_bytes()) == (before, text)
    assert get(debian.port) == (200, servers[0].name)
    assert balancer.sync_file([web(servers[1].node())]).kind == "applied"


def test_what_is_not_right_is_said_whether_or_not_a_reload_has_to_wait(
    debian: NginxWorld, servers: list[Backend]
) -> None:
    balancer = debian.balancer(min_interval=60)
    clusters = [web(servers[0].node())]
    for _ in range(2):  # nobody was told, so nothing has to wait for a next time
        outcome = balancer.sync_file(clusters)
        assert outcome.kind == "degraded"
        assert "nobody was told" in outcome.reason
    debian.start()
    assert balancer.sync_file(clusters).kind == "applied"
    wrong = [web(servers[0].node(), balance="least_con")]
    for _ in range(2):  # the same files as before, so nothing waits for a reload
        assert told(balancer.sync_file(wrong)) == ("degraded", [("web", ("balance",))])
    changed = [web(servers[1].node(), balance="least_con")]
    assert told(balancer.sync_file(changed)) == ("held", [("web", ("balance",))])
    assert get(debian.port) == (200, servers[0].name)


def test_old_workers_hold_reloads(debian: NginxWorld, servers: list[Backend]) -> None:
    started(debian, servers[0])
    balancer = debian.balancer(max_old_workers=1)
    with socket.create_connection(("127.0.0.1", debian.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        time.sleep(0.05)
        assert balancer.sync_file([web(servers[1].node())]).kind == "applied"
        eventually(lambda: balancer.status()["old_workers"] == 1)
        outcome = balancer.sync_file([web(servers[0].node())])
        assert outcome.kind == "held"
        assert "worker_shutdown_timeout" in outcome.reason
        client.sendall(b"\r\n")
        assert b"200 OK" in client.recv(1000)
    woken = eventually(balancer.wake)
    assert woken.kind == "applied"


def test_examine_and_preview_touch_nothing(world: NginxWorld, servers: list[Backend]) -> None:
    balancer = world.balancer()
    spared = world.main.read_text().replace("access_log off;", "keepalive_timeout 0;")
    world.main.write_text(spared)
    assert balancer.examine([web()]) == ()
    found = balancer.examine([web(balance="x"), web(name="tcp", context="stream")])
    assert [(f.cluster, f.path) for f in found] == [("web", ("balance",))], found
    preview = balancer.preview([web(servers[0].node())])
    assert f"+    server {servers[0].node().place};" in preview.diff
    assert sorted(path.name for path in world.directory.rglob("*")) == [
        "http.d", "nginx.conf", "stream.d", "tmp",
    ]  # fmt: skip
    world.main.write_text(world.main.read_text().replace("http.d/*.conf", "http.d/x.conf"))
    (unread,) = [f for f in balancer.examine([web()]) if "includes no" in f.message]
    assert "lighthouse-web.conf: add `include" in unread.message
    world.main.write_text(world.main.read_text().replace("worker_shutdown_timeout 10s;", ""))
    assert [f.warning for f in balancer.examine([]) if "shutdown" in f.message] == [True]
    world.main.write_text(world.main.read_text().replace("keepalive_timeout 0;", ""))
    advised = [f.warning for f in balancer.examine([]) if "keepalive_min" in f.message]
    assert advised == ([True] if world.binary == WHEEL else [])


def test_a_full_disk_leaves_what_is_served(tmp_path: Path, servers: list[Backend]) -> None:
    with small_disk(tmp_path / "small", "256k") as place, nginx_world(place, DEBIAN) as world:
        balancer = started(world, servers[0])
        (place / "filler").write_bytes(b"x" * (os.statvfs(place).f_bavail * 4096))
        outcome = balancer.sync_file([web(servers[1].node())])
        assert outcome.kind == "failed"
        assert "No space left" in outcome.reason
        assert get(world.port) == (200, servers[0].name)
        (place / "filler").unlink()
        assert balancer.sync_file([web(servers[1].node())]).kind == "applied"


def test_streams_are_served_from_one_file(world: NginxWorld, servers: list[Backend]) -> None:
    port = free_port()
    theirs = f"server {{ listen 127.0.0.1:{port}; proxy_pass tcp; }}\n"
    (world.directory / "stream.d/theirs.conf").write_text(theirs)
    balancer = world.balancer()
    http, stream = web(servers[0].node()), {"name": "tcp", "context": "stream"}
    balancer.sync_file([web(servers[0].node(), **stream), http])
    world.start()
    assert balancer.sync_file([web(servers[0].node(), **stream), http]).kind == "applied"
    assert get(port) == (200, servers[0].name)
    changed = [web(name="more", context="stream"), web(servers[1].node(), **stream), http]
    assert balancer.sync_file(changed).kind == "applied"
    assert get(port) == (200, servers[1].name)
    text = (world.directory / "stream.d/lighthouse.conf").read_text()
    assert text.index("upstream more {") < text.index("upstream tcp {")


@pytest.mark.needs("wrk")
def test_changes_under_load_fail_no_request(world: NginxWorld, servers: list[Backend]) -> None:
    """Wrong sections among them. Clients that keep connections are another matter: the manual."""
    balancer = started(world, *servers)
    url = f"http://127.0.0.1:{world.port}/"
    words = ["wrk", "-t1", "-c8", "-d4s", "-H", "Connection: close", url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as load:
        for number in range(200):
            if load.poll() is not None:
                break
            section = {"balance": "nonsense"} if number % 5 == 4 else {}
            balancer.sync_file([web(servers[number % 2].node(), **section)])
        said, _ = load.communicate(timeout=20)
    assert "requests in" in said
    assert "Socket errors" not in said, said
    assert "Non-2xx" not in said, said
    assert balancer.status()["reloads"] > 2


@pytest.mark.needs("nginx")
def test_nobody_else_is_told_to_reload(debian: NginxWorld, servers: list[Backend]) -> None:
    balancer = started(debian, servers[0])
    master = debian.pid
    other = subprocess.Popen(["sleep", "60"])
    try:
        debian.pid_file.write_text(str(other.pid))
        outcome = balancer.sync_file([web(servers[1].node())])
        assert outcome.kind == "degraded"
        assert "which is sleep and not nginx" in outcome.reason
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        debian.pid_file.write_text(str(master))
    os.kill(master, signal.SIGHUP)
    eventually(lambda: get(debian.port) == (200, servers[1].name))
