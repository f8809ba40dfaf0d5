"""The ``envoy`` balancer and one Envoy: members and clusters by files, nothing ever restarted."""

import http.client
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lighthouse.envoy.preview import examine
from lighthouse.envoy.rendering.bootstrap import trial
from lighthouse.envoy.runtime import process, room
from lighthouse.envoy.sync.wanted import WantedProxies
from lighthouse.node import Node, parse
from tests.backends import Backend
from tests.fleet import Traffic, get
from tests.ports import free_ports
from tests.software.envoy_world import Mesh, answers, mesh
from tests.software.servers import certificate
from tests.waiting import eventually

pytestmark = pytest.mark.needs("envoy")


@pytest.fixture(scope="module")
def shared() -> Iterator[Mesh]:
    with mesh() as made:
        yield made


@pytest.fixture
def world(shared: Mesh) -> Iterator[Mesh]:
    yield shared
    shared.forget()


@pytest.fixture(scope="module")
def backends() -> Iterator[list[Backend]]:
    made = [Backend(name) for name in ("one", "two", "three")]
    yield made
    for backend in made:
        backend.close()


def test_members_and_clusters_come_and_go_in_one_envoy(
    world: Mesh, backends: list[Backend]
) -> None:
    one, two, three = backends
    port = world.cluster("web", one.node())
    world.sync()
    pid = world.pid
    answers(port, "one")
    world.cluster("web", one.node(), two.node())
    assert world.sync().kind == "applied"
    answers(port, "one", "two")
    assert world.sync().kind == "unchanged"
    world.cluster("web", two.node())
    other = world.cluster("other.with-a_name", three.node())
    assert world.sync().kind == "applied"
    assert get(other) == (200, "three")
    assert get(port) == (200, "two")
    assert world.plugin.status()["clusters"] == 2
    del world.clusters["other.with-a_name"]
    assert world.sync().kind == "applied"
    with pytest.raises(OSError, match="refused"):
        get(other)
    assert [path.name for path in (world.directory / "eds").glob("*.json")] == ["web.json"]
    assert get(port) == (200, "two")
    assert world.pid == pid


def test_a_drained_node_gets_nothing_new(world: Mesh, backends: list[Backend]) -> None:
    one, two, three = backends
    nodes = [one.node(), two.node(weight=0), three.node(weight=0)]
    port = world.cluster("web", *nodes)
    world.sync()
    answers(port, "one")
    (held,) = world.plugin.withheld()
    assert (held.cluster, held.drained, len(held.nodes)) == ("web", True, 2)


def test_backups_and_other_zones_come_last(world: Mesh, backends: list[Backend]) -> None:
    one, two, three = backends
    world.plugin.close()
    world.again(zones={"key": "zone", "local": "a"})
    spare, near, far = one.node(backup=True, zone="a"), two.node(zone="a"), three.node(zone="b")
    port = world.cluster("web", spare, near, far)
    world.sync()
    answers(port, "two")
    world.cluster("web", spare, far)
    world.sync()
    answers(port, "three")
    world.cluster("web", spare)
    world.sync()
    answers(port, "one")


def test_an_empty_cluster_is_served_as_empty_or_kept(world: Mesh, backends: list[Backend]) -> None:
    one = backends[0]
    port = world.cluster("web", one.node())
    kept = world.cluster("kept", one.node(), on_empty="keep")
    dark = world.cluster("dark", known=False)
    world.sync()
    assert get(port)[0] == get(kept)[0] == 200
    with pytest.raises(OSError, match="refused"):
        get(dark)
    world.cluster("web", known=False)
    world.sync()
    assert get(port)[0] == 200
    world.cluster("web")
    world.cluster("kept", on_empty="keep")
    world.cluster("dark", one.node())
    world.sync()
    eventually(lambda: get(port)[0] == 503)
    assert get(kept)[0] == get(dark)[0] == 200


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline():
            self.wfile.write(line)


def test_tcp_sessions_outlive_their_node(world: Mesh) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        node = Node("echo", "127.0.0.1", int(server.server_address[1]))
        port = world.cluster("echo", node, mode="tcp", balance="source")
        world.sync()
        with socket.create_connection(("127.0.0.1", port)) as session:
            reader = session.makefile("rb")
            session.sendall(b"before\n")
            assert reader.readline() == b"before\n"
            world.cluster("echo", mode="tcp", balance="source")
            world.sync()
            session.sendall(b"after\n")
            assert reader.readline() == b"after\n"
        server.shutdown()


def test_a_port_that_is_taken_costs_its_cluster_alone(
    world: Mesh, backends: list[Backend]
) -> None:
    port = world.cluster("web", backends[0].node())
    world.sync()
    taken = world.cluster("taken", backends[1].node())
    third = world.cluster("third", backends[2].node())
    with socket.create_server(("127.0.0.1", taken)):
        outcome = world.sync()
        assert outcome.kind == "degraded"
        assert [(f.cluster, f.warning) for f in outcome.findings] == [("taken", False)]
        assert "Address already in use" in outcome.findings[0].message
        assert get(port)[0] == get(third)[0] == 200
    outcome = world.sync()
    assert (outcome.kind, outcome.findings) == ("applied", ())
    assert get(taken) == (200, "two")
    world.cluster("thief", backends[0].node(), port=port)
    outcome = world.sync()
    (found,) = outcome.findings
    assert (found.cluster, found.path) == ("thief", ("port",))
    assert get(port)[0] == 200


def test_ports_move_between_clusters_in_place(world: Mesh, backends: list[Backend]) -> None:
    one, two, _ = backends
    a, b = world.cluster("a", one.node()), world.cluster("b", two.node())
    (free,) = free_ports(1)
    world.sync()
    with Traffic(b) as traffic:
        world.cluster("a", one.node(), port=b)
        (found,) = world.sync().findings
        assert (found.cluster, found.path) == ("a", ("port",))
        assert (get(a), get(b)) == ((200, "one"), (200, "two"))
        world.cluster("a", two.node(), port=b)
        world.sync()
        answers(a, "two")
        world.cluster("a", one.node(), port=b)
        world.cluster("b", two.node(), port=a)
        assert world.sync().kind == "applied"
        assert (get(a), get(b)) == ((200, "two"), (200, "one"))
    assert traffic.failures == []
    world.cluster("a", one.node(), port=free)
    world.sync()
    assert get(free) == (200, "one")
    with pytest.raises(OSError, match="refused"):
        get(b)
    with socket.create_server(("127.0.0.1", b)):
        world.cluster("a", one.node(), port=b)
        assert [found.cluster for found in world.sync().findings] == ["a"]
        assert get(free) == (200, "one")
    assert world.sync().kind == "applied"
    assert get(b) == (200, "one")
    with pytest.raises(OSError, match="refused"):
        get(free)


def test_options_in_envoys_own_words_are_tried_before_they_are_used(
    world: Mesh, backends: list[Backend]
) -> None:
    port = world.cluster("web", backends[0].node())
    world.sync()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"cluster": {"lb_policy": "NONSENSE"}}, "NONSENSE"),
        ({"cluster": {"no_such_field": 1}}, "no_such_field"),
    ]
    for options, said in wrong:
        world.cluster("web", backends[1].node(), options=options)
        outcome = world.sync()
        assert outcome.kind == "degraded"
        assert said in outcome.findings[0].message
        answers(port, "two")
    good = {"cluster": {"per_connection_buffer_limit_bytes": 9999}}
    world.cluster("web", backends[1].node(), options=good)
    assert (world.sync().findings, get(port)[0]) == ((), 200)


def test_what_envoy_itself_rejects_is_left_as_it_was(
    world: Mesh, backends: list[Backend], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = world.cluster("web", backends[0].node())
    world.cluster("new", backends[1].node())
    world.sync()
    real = WantedProxies.take

    def spoilt(self: WantedProxies, clusters: Any) -> set[str]:
        touched = real(self, clusters)
        for name, one in self.proxies.items():
            if name == "web":
                text = one.upstream.replace('"connect_timeout":"5s"', '"connect_timeout":"-5s"')
                self.proxies[name] = msgspec.structs.replace(one, upstream=text)
        return touched

    monkeypatch.setattr(WantedProxies, "take", spoilt)
    world.cluster("third", backends[2].node())
    outcome = world.sync()
    assert outcome.kind == "degraded"
    assert [found.cluster for found in outcome.findings] == ["web"]
    assert get(port) == (200, "one")
    assert get(world.ports["third"]) == (200, "three")


@pytest.mark.needs("openssl")
def test_tls_on_both_sides(world: Mesh, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(cert.read_text() + key.read_text())
    with Backend("secret", certificate=both) as backend:
        port = world.cluster(
            "web",
            backend.node(),
            tls={"ca": str(cert), "server_name": "lighthouse.test"},
            listener_tls={"cert": str(cert), "key": str(key)},
        )
        gone = world.cluster("gone", tls={"ca": str(tmp_path / "none.pem")})
        (found,) = world.sync().findings
        assert (found.cluster, found.path) == ("gone", ("tls", "ca"))
        first = ssl.get_server_certificate(("127.0.0.1", port))
        (tmp_path / "new").mkdir()
        new = certificate(tmp_path / "new")
        both.write_text(new[0].read_text() + new[1].read_text())
        backend.close()
        for path, other in zip((cert, key), new, strict=True):
            other.replace(path)
        reconciler = world.plugin._reconciler
        assert reconciler is not None
        reconciler._look_at = 0.0
        world.until(lambda: ssl.get_server_certificate(("127.0.0.1", port)) != first)
    with Backend("secret", certificate=both) as backend:
        world.cluster("web", backend.node(), **world.clusters["web"].config or {})
        world.sync()
        context = ssl.create_default_context(cafile=str(cert))
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="lighthouse.test") as session,
        ):
            session.sendall(b"GET / HTTP/1.0\r\n\r\n")
            response = http.client.HTTPResponse(session)
            response.begin()
            assert response.read() == b"secret"
        with pytest.raises(OSError, match="refused"):
            get(gone)


TYPED: list[dict[str, Any]] = [
    {},
    {"http2": True, "balance": "least_request", "slow_start": 30, "timeout": 5},
    {"balance": "source", "retries": 0, "outliers": {}, "health_check": {"path": "/health"}},
    {"balance": "random", "health_check": {}, "outliers": {"failures": 1, "max_percent": 100}},
    {"mode": "tcp", "balance": "source", "idle_timeout": 0, "max_connections": 4294967295},
    {"http2": True, "health_check": {"path": "/x", "interval": 0.25}, "tls": {"verify": False}},
    {"slow_start": 0.5, "connect_timeout": 0.01, "bind_address": "::"},
]


def test_envoy_takes_every_typed_option(world: Mesh) -> None:
    for number, section in enumerate(TYPED):
        world.cluster(f"c{number}", parse({"ip": "10.0.0.1", "port": 1}), **section)
    wanted = WantedProxies(world.settings)
    wanted.take(list(world.clusters.values()))
    found = wanted.proxies.values()
    text = trial([one.upstream for one in found], [one.listener for one in found])
    assert process.trial(process.find_binary(None), text) == ""
    world.clusters.clear()


HOSTILE = '"}]},{"@type":"x","name":"evil'


def test_hostile_metadata_is_data(world: Mesh, backends: list[Backend]) -> None:
    port = world.cluster("web", backends[0].node(zone=HOSTILE, priority=HOSTILE, backup=HOSTILE))
    assert world.sync().kind == "applied"
    assert get(port) == (200, "one")
    written = json.loads((world.directory / "eds/web.json").read_text())
    (resource,) = written["resources"]
    assert resource["endpoints"][0]["locality"] == {"zone": HOSTILE}


def test_what_somebody_else_writes_is_put_right(world: Mesh, backends: list[Backend]) -> None:
    port = world.cluster("web", backends[0].node())
    world.sync()
    path = world.directory / "eds/web.json"
    good = path.read_text()
    for bad in ("broken", good.replace("127.0.0.1", "127.0.0.250")):
        beside = path.with_name("other")
        beside.write_text(bad)
        beside.replace(path)
        world.plugin._reconciler._look_at = 0.0
        world.until(lambda: path.read_text() == good)
        answers(port, "one")
    path.unlink()
    world.plugin._reconciler._look_at = 0.0
    world.until(path.exists)
    assert world.plugin.status()["repairs"] == 3


def test_a_preview_is_what_a_sync_then_does(world: Mesh, backends: list[Backend]) -> None:
    world.cluster("web", backends[0].node())
    world.cluster("leaves", backends[0].node())
    world.sync()
    del world.clusters["leaves"]
    world.cluster("web", backends[1].node())
    world.cluster("comes", backends[1].node())
    before = {path: path.read_text() for path in world.directory.rglob("*.json")}
    fresh = Mesh(world.directory)
    diff = fresh.plugin.preview(list(world.clusters.values())).diff
    assert {path: path.read_text() for path in world.directory.rglob("*.json")} == before
    assert '+{"@type":"type.googleapis.com/envoy.config.endpoint' in diff
    world.sync()
    assert fresh.plugin.preview(list(world.clusters.values())).diff == ""
    for path in ("cds.json", "lds.json", "eds/web.json", "eds/comes.json"):
        added = (world.directory / path).read_text().strip().splitlines()
        assert all(f"+{line}" in diff or f" {line}" in diff for line in added)


def test_examine_tells_what_envoy_would_say(world: Mesh) -> None:
    world.cluster("good")
    world.cluster("bad", options={"listener": {"no_such_field": 1}})
    found = examine(world.settings, list(world.clusters.values()))
    assert [(one.cluster, "no_such_field" in one.message) for one in found] == [("bad", True)]
    world.clusters.clear()


def test_no_more_clusters_than_envoy_can_watch(
    world: Mesh, backends: list[Backend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "limit"
    limit.write_text("14\n")
    monkeypatch.setattr(room, "LIMIT", str(limit))
    monkeypatch.setattr(room, "_used_by_others", lambda pids: 0)
    world.plugin.close()
    world.again()
    for name in ("a", "b", "c"):
        world.cluster(name, backends[0].node())
    outcome = world.sync()
    assert [found.cluster for found in outcome.findings] == ["c"]
    assert "raise fs.inotify.max_user_instances" in outcome.findings[0].message
    assert get(world.ports["a"])[0] == get(world.ports["b"])[0] == 200
    limit.write_text("15\n")
    assert world.sync().kind == "applied"
    assert get(world.ports["c"])[0] == 200
