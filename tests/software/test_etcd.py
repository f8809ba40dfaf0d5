"""The etcd discovery on a real etcd that is well."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from lighthouse.etcd import http
from lighthouse.etcd.errors import EtcdAway, KeyTaken
from lighthouse.ipc.messages import Applied, Connected, Registered
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings, WatchedCluster
from lighthouse.node import MAX_RECORD
from lighthouse.record import encode, owner, owner_of
from tests import fleet as fleets
from tests.ports import free_port
from tests.recorder import SOURCE as RECORDER
from tests.recorder import nodes as recorded
from tests.rig import Rig
from tests.software.etcd_world import (
    Etcd,
    World,
    following,
    record,
    relaying,
    running,
    service,
)
from tests.waiting import eventually


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    with running(tmp_path_factory.mktemp("etcd")) as found:
        yield found


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A path of the test's own."""
    return f"/{request.node.name}".replace("[", "-").replace("]", "")


def test_nodes_of_every_age_and_a_broken_one_among_them(etcd: Etcd, path: str) -> None:
    peer = json.dumps({"name": "web-1", "ip": "10.0.0.1", "port": 1024})
    old = record(1, peer=peer, metadata=json.dumps({"zone": "a"}))
    etcd.put(f"{path}/web/web-1:1", old)
    etcd.put(f"{path}/web/web-1:2", record(2, weight=7, metadata={"zone": "b"}))
    etcd.put(f"{path}/web/hostile", record(3, host="x\nserver evil"))
    etcd.put(f"{path}/web/broken", "{")
    etcd.put(f"{path}/web/huge", "x" * (MAX_RECORD + 1))
    etcd.put(f"{path}/web", "a folder, as some tools make them")
    etcd.put(f"{path}/web/deeper/web-1:4", record(4))
    etcd.put(f"{path}2/web/other:5", record(5))
    with following(etcd, path) as world:
        world.until_ports(1, 2, 3)
        first, second, hostile = sorted(world.readings["web"].nodes, key=lambda node: node.port)
        assert (hostile.host, len(hostile.notes)) == (hostile.ip, 1)
        assert first.peer is not None
        assert (first.metadata, second.metadata) == ({"zone": "a"}, {"zone": "b"})
        assert (first.peer.port, second.weight) == (1024, 7)
        refused = {one.record: one.reason for one in world.readings["web"].refused}
        assert refused.keys() == {"broken", "huge"}
        assert world.status["refused"] == 2
        etcd.put(f"{path}/web/broken", record(6))
        world.until_ports(1, 2, 3, 6)


def test_nerves_records(etcd: Etcd, path: str) -> None:
    nerve = {"host": "10.0.0.1", "port": 1, "name": "one", "haproxy_server_options": "backup"}
    etcd.put(f"{path}/web/one", json.dumps(nerve | {"labels": {"az": "a"}, "weight": 2}))
    with following(etcd, path, format="smartstack") as world:
        world.discovery.report_up(service(port=2))
        world.until_ports(1, 2)
        nodes = {node.port: node for node in world.readings["web"].nodes}
        ours = json.loads(etcd.range(path)[f"{path}/web/here:2"])
        assert (ours["host"], ours["port"], ours["name"]) == ("10.0.0.9", 2, "here")
        assert (nodes[1].host, nodes[1].weight, nodes[1].metadata) == ("one", 2, {"az": "a"})
        assert (nodes[2].host, nodes[2].ip) == ("here", "10.0.0.9")
    with following(etcd, path, format="smartstack", haproxy_server_options=True) as world:
        world.until(lambda: "web" in world.readings and 1 in world.ports())
        nodes = {node.port: node for node in world.readings["web"].nodes}
        assert nodes[1].metadata == {"az": "a", "backup": True}


def test_changes_of_every_kind_cost_no_reads(etcd: Etcd, path: str) -> None:
    etcd.put(f"{path}/web/a", record(1))
    with following(etcd, path) as world:
        world.until_ports(1)
        world.until_state("connected")
        reads = world.status["reads"]
        etcd.put(f"{path}/web/b", record(2))
        world.until_ports(1, 2)
        etcd.put(f"{path}/web/b", record(2, weight=0))
        world.until(lambda: [n.weight for n in world.readings["web"].nodes if n.port == 2] == [0])
        etcd.transact((f"{path}/web/c", record(3)), deletes=[f"{path}/web/a"])
        world.until_ports(2, 3)
        etcd.delete(f"{path}/web/", prefix=True)
        world.until_ports()
        etcd.put(f"{path}/db/a", record(4))
        etcd.put(f"{path}/web/a", record(1))
        world.until_ports(1)
        assert "db" not in world.readings
        world.discovery.start_watching("db")
        assert world.ports("db") == [4]
        world.discovery.stop_watching("web")
        etcd.put(f"{path}/web/b", record(2))
        etcd.put(f"{path}/db/b", record(5))
        world.until_ports(4, 5, cluster="db")
        assert world.ports() == [1]
        assert world.status["reads"] == reads


def test_a_deploy_of_200_nodes_costs_no_reads(etcd: Etcd, path: str) -> None:
    def deploy(version: int) -> None:
        for start in range(0, 200, 50):
            numbers = range(start, start + 50)
            puts = [
                (f"{path}/web/v{version}-{n}", record(version, f"h{n}", f"10.0.1.{n}"))
                for n in numbers
            ]
            gone = [f"{path}/web/v{version - 1}-{n}" for n in numbers]
            etcd.transact(*puts, deletes=gone)

    deploy(1)
    with following(etcd, path) as world:
        world.until_ports(*[1] * 200)
        world.until_state("connected")
        before, asked = world.status, etcd.handled("Range")
        deploy(2)
        world.until_ports(*[2] * 200)
        after, answered = world.status, etcd.handled("Range")
        assert after["reads"] == before["reads"]
        assert after["events"] - before["events"] == 400
        assert answered - asked <= after["probes"] - before["probes"] + 1


def test_a_refresh_reads_one_cluster_afresh(etcd: Etcd, path: str) -> None:
    etcd.put(f"{path}/web/a", record(1))
    with following(etcd, path) as world:
        world.until_ports(1)
        world.until_state("connected")
        reads, reports = world.status["reads"], world.reports
        etcd.put(f"{path}/web/b", record(2))
        world.discovery.refresh("web")
        assert world.ports() == [1, 2]
        assert world.reports > reports
        assert world.status["reads"] == reads + 1
        world.discovery.refresh("unknown")
        assert "unknown" not in world.readings


def test_more_than_one_answer_holds(
    etcd: Etcd, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 3_000_000)
    filler = {"filler": "x" * 15_000}
    puts = [(f"{path}/web/{n}", record(n + 1, **filler)) for n in range(200)]
    for start in (0, 100):
        etcd.transact(*puts[start : start + 90])
    with following(etcd, path) as world:
        wanted = [*range(1, 91), *range(101, 191)]
        world.until_ports(*wanted)
        assert world.status["reads"] > 2
        world.until_state("connected")
        reads = world.status["reads"]
        etcd.transact(*[(f"{path}/web/x{n}", record(1000 + n, **filler)) for n in range(90)])
        etcd.put(f"{path}/web/last", record(5000))
        world.until_ports(*wanted, *range(1000, 1090), 5000)
        assert world.status["reads"] == reads


def test_a_registration_from_beginning_to_end(etcd: Etcd, path: str) -> None:
    key = f"{path}/web/here:80"
    with following(etcd, path) as world:
        up = service(metadata={"zone": "a"})
        world.discovery.report_up(up)
        world.until_ports(80)
        value = etcd.range(path)[key]
        assert owner_of(value) == owner(path)
        assert json.loads(json.loads(value)["metadata"]) == {"zone": "a"}
        assert world.status["registered"] == 1
        lease = int(world.status["lease"], 16)
        assert lease in etcd.leases()
        writes = world.status["writes"]
        world.discovery.report_up(up)
        assert world.status["writes"] == writes
        world.discovery.report_up(service(weight=5))
        world.until(lambda: world.readings["web"].nodes[0].weight == 5)
        world.discovery.report_up(service("db", 81))
        world.discovery.report_down(service())
        assert list(etcd.range(path)) == [f"{path}/db/here:81"]
        world.discovery.report_down(service())
        world.discovery.report_down(service("db", 81))
        assert etcd.range(path) == {}
        world.discovery.disconnect()
        assert lease not in etcd.leases()


def test_what_another_registered_is_left_alone(etcd: Etcd, path: str) -> None:
    key = f"{path}/web/here:80"
    for value in (encode(service(weight=9).node, "other:1234"), record(80, "here")):
        text = value if isinstance(value, str) else value.decode()
        etcd.put(key, text)
        with following(etcd, path) as world:
            world.until_ports(80)
            with pytest.raises(KeyTaken, match="left alone"):
                world.discovery.report_up(service())
            world.discovery.report_down(service())
            assert world.status["registered"] == 0
        assert etcd.range(path) == {key: text.encode()}
    etcd.delete(key)


def test_a_new_life_takes_over_without_a_gap(etcd: Etcd, path: str) -> None:
    with following(etcd, path) as watcher:
        watcher.until_state("connected")
        first = World(etcd, path)
        first.discovery.report_up(service())
        watcher.until_ports(80)
        lease = int(first.status["lease"], 16)
        first.discovery.disconnect()
        assert lease in etcd.leases()
        counts: list[int] = []
        before = watcher.discovery._parts.clusters._on_reading

        def counting(cluster: str, reading: Any) -> None:
            counts.append(len(reading.nodes))
            before(cluster, reading)

        watcher.discovery._parts.clusters._on_reading = counting
        second = World(etcd, path)
        second.discovery.report_up(service())
        assert second.status["writes"] == 1
        etcd.revoke(lease)
        etcd.put(f"{path}/web/last", record(90))
        watcher.until_ports(80, 90)
        assert set(counts) == {1, 2}
        second.discovery.report_down(service())
        second.discovery.disconnect()


def test_what_is_deleted_from_outside_is_put_back(etcd: Etcd, path: str) -> None:
    key = f"{path}/web/here:80"
    with following(etcd, path) as world:
        world.discovery.report_up(service())
        world.until_ports(80)
        value = etcd.range(path)[key]
        etcd.delete(key)
        world.until(lambda: etcd.range(path) == {key: value})
        world.until(lambda: world.status["restored"] == 1)
        etcd.put(key, value)  # which takes it off the lease
        world.until(lambda: world.status["restored"] == 2)
        etcd.put(key, record(80, "here", "10.0.0.99"))
        world.until(lambda: "left alone" in world.status["unrenewed"].get("web", ""))
        assert json.loads(etcd.range(path)[key])["ip"] == "10.0.0.99"
        etcd.delete(key)
        world.until(lambda: etcd.range(path) == {key: value})
        world.until(lambda: world.status["unrenewed"] == {})
        world.discovery.report_down(service())


def test_two_sessions_of_one_host_do_not_fight(etcd: Etcd, path: str) -> None:
    key = f"{path}/web/here:80"
    with following(etcd, path) as first, following(etcd, path) as second:
        first.discovery.report_up(service())
        second.discovery.report_up(service())
        first.until(lambda: "another session of this host" in str(first.status["unrenewed"]))
        assert key in keys_of(etcd, int(second.status["lease"], 16))
        assert (first.status["restored"], second.status["restored"]) == (0, 0)
        assert second.status["writes"] <= 2
        assert second.status["unrenewed"] == {}
        # It comes back to the one that is left.
        etcd.revoke(int(second.status["lease"], 16))
        first.until(lambda: key in keys_of(etcd, int(first.status["lease"], 16)))
        first.until(lambda: not first.status["unrenewed"])


def test_a_lost_event_is_found(etcd: Etcd, path: str) -> None:
    etcd.put(f"{path}/web/a", record(1))
    with relaying(etcd) as relay:
        config = {"endpoints": relay.endpoints, "audit": 1}
        with following(etcd, path, **config) as world:
            world.until_ports(1)
            world.until(lambda: world.status["audits"] >= 1)
            assert world.status["relists"] == 0
            relay.swallow = True
            etcd.put(f"{path}/web/b", record(2))
            eventually(lambda: relay.swallowed)
            relay.swallow = False
            world.until_ports(1, 2)
            assert (world.status["relists"], world.status["repaired"]) == (1, 1)
            assert not [state for state, _ in world.states if state != "connected"]


def test_a_black_hole_is_noticed_and_survived(etcd: Etcd, path: str) -> None:
    with relaying(etcd) as relay, following(etcd, path, endpoints=relay.endpoints) as world:
        world.discovery.report_up(service())
        world.until_ports(80)
        before = world.status
        relay.silent = True
        world.until_state("suspended", "no answer", within=20)
        began = time.monotonic()
        with pytest.raises(EtcdAway, match="no answer"):
            world.discovery.report_up(service(weight=2))
        with pytest.raises(EtcdAway):
            world.discovery.refresh("web")
        assert time.monotonic() - began < 2
        etcd.put(f"{path}/web/a", record(1))
        relay.silent = False
        world.until_state("connected")
        world.until_ports(1, 80)
        after = world.status
        assert (after["reads"], after["lease"]) == (before["reads"], before["lease"])
        assert after["reconnects"] == before["reconnects"] + 1
        world.discovery.report_down(service())


def test_a_watch_that_is_deaf_while_all_else_is_well(etcd: Etcd, path: str) -> None:
    with relaying(etcd) as relay, following(etcd, path, endpoints=relay.endpoints) as world:
        world.until_state("connected")
        reads = world.status["reads"]
        assert relay.mute_watches() == 1
        etcd.put(f"{path}/web/a", record(1))
        world.until_ports(1)
        assert world.status["reconnects"] == 1
        assert world.status["reads"] == reads
        assert {state for state, _ in world.states} == {"connected"}


def test_the_other_endpoint_takes_over(etcd: Etcd, path: str) -> None:
    with relaying(etcd) as one, relaying(etcd) as other:
        endpoints = [*one.endpoints, *other.endpoints]
        with following(etcd, path, endpoints=endpoints) as world:
            world.until_state("connected")
            used = one if world.status["endpoint"] == one.endpoints[0] else other
            used.close()
            etcd.put(f"{path}/web/a", record(1))
            world.until_ports(1)
            assert world.status["endpoint"] in (other if used is one else one).endpoints
            used.mend()


def test_compaction_while_it_is_away(etcd: Etcd, path: str) -> None:
    etcd.put(f"{path}/web/a", record(1))
    with relaying(etcd) as relay, following(etcd, path, endpoints=relay.endpoints) as world:
        world.until_ports(1)
        world.until_state("connected")
        relay.close()
        world.until_state("suspended", "refused")
        etcd.delete(f"{path}/web/a")
        etcd.put(f"{path}/web/b", record(2))
        etcd.compact()
        asked = etcd.handled("Range")
        relay.mend()
        world.until_ports(2)
        world.until_state("connected")
        assert world.status["relists"] == 1
        assert etcd.handled("Range") - asked <= 4


def test_disconnecting_is_prompt_whatever_the_endpoint_does(etcd: Etcd, path: str) -> None:
    with relaying(etcd) as relay:
        relay.silent = True
        for endpoints in (relay.endpoints, etcd.endpoints, [f"http://127.0.0.1:{free_port()}"]):
            world = World(etcd, path, endpoints=endpoints)
            began = time.monotonic()
            world.discovery.start_watching("web")
            assert time.monotonic() - began < 1
            world.discovery.disconnect()
            assert time.monotonic() - began < 5
            world.discovery.disconnect()
    left = {"watch", "lease"}
    eventually(lambda: not left & {thread.name for thread in threading.enumerate()}, 5)


class Old(BaseHTTPRequestHandler):
    """What an etcd of another age answers."""

    version = "3.3.25"

    def do_POST(self) -> None:
        self.send_error(404)

    def do_GET(self) -> None:
        body = json.dumps({"etcdserver": self.version, "etcdcluster": "3.3.0"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def test_what_is_no_etcd_of_today_is_named(etcd: Etcd, path: str) -> None:
    server = HTTPServer(("127.0.0.1", 0), Old)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    deaf = socket.create_server(("127.0.0.1", 0))
    cases = {
        f"http://127.0.0.1:{server.server_port}": "etcd 3.3.25 is too old: 3.4 or newer",
        f"http://127.0.0.1:{free_port()}": "refused",
        "http://no-such-host.invalid:2379": "no address for no-such-host.invalid",
        etcd.members[0].peer_url: "is this the port for clients",
        f"http://127.0.0.1:{deaf.getsockname()[1]}": "no answer within",
        etcd.endpoints[0].replace("http", "https"): "plain http",
    }
    worlds = {url: World(etcd, path, endpoints=[url]) for url in cases}
    try:
        for url, told in cases.items():
            worlds[url].until_state("suspended", told)
            assert worlds[url].status["connection"].startswith(f"suspended: {url}: ")
    finally:
        for world in worlds.values():
            world.discovery.disconnect()
        server.shutdown()
        thread.join()
        server.server_close()
        deaf.close()


def test_an_etcd_without_its_gateway_is_named(tmp_path: Path, etcd: Etcd) -> None:
    closed = Etcd(tmp_path / "closed", flags=["--enable-grpc-gateway=false"])
    member = closed.members[0]
    try:
        member.start(f"m0={member.peer_url}")
        world = World(closed, "/l")
        world.until_state("suspended", "is enable-grpc-gateway true?")
        world.discovery.disconnect()
    finally:
        closed.close()


def test_a_path_without_keys_is_said_to_be_so(etcd: Etcd, path: str) -> None:
    with following(etcd, path) as world:
        world.until_state("connected", f"no keys below {path}/; is 'path' right?")
        etcd.put(f"{path}/web/web-1:80", record(80))
        world.until_state("connected")
        world.until(lambda: world.states[-1] == ("connected", ""))
        assert world.status["connection"] == "connected"


def test_the_worker_registers_again_what_its_lease_lost(
    etcd: Etcd, path: str, tmp_path: Path
) -> None:
    key = f"{path}/web/here:80"
    config = {"endpoints": etcd.endpoints, "path": path}
    snapshot = DiscoverySnapshot(PluginSettings(config), (WatchedCluster("web"),), (service(),))
    with Rig(tmp_path, "discovery", plugin="etcd") as rig:
        rig.ready().deliver(snapshot)
        assert rig.expect(Applied).kind == "applied"
        rig.reading("web", lambda reading: len(reading.nodes) == 1)
        assert rig.registrations()["web", 80].registered
        lease = next(lease for lease in etcd.leases() if key in keys_of(etcd, lease))
        etcd.revoke(lease)
        began = time.monotonic()
        eventually(lambda: key in etcd.range(path) and lease not in etcd.leases(), 10)
        took = time.monotonic() - began
        assert rig.expect(Connected, lambda m: m.state == "lost")
        eventually(lambda: rig.registrations()["web", 80].registered)
        assert not rig.received(Registered)
        assert took < 5, took
        assert rig.stop() == 0
    assert etcd.range(path) == {}


def keys_of(etcd: Etcd, lease: int) -> list[str]:
    answer = etcd.ask("/v3/lease/timetolive", {"ID": lease, "keys": True})
    return [base64.b64decode(key).decode() for key in answer.get("keys", ())]


def test_the_whole_daemon_on_etcd(etcd: Etcd, path: str, tmp_path: Path) -> None:
    absent = f"http://127.0.0.1:{free_port()}"
    output = tmp_path / "record"
    etcd.put(f"{path}/web/web-1:1", record(1))
    config = {"endpoints": etcd.endpoints, "path": path}
    with fleets.running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.plugin("recorder", RECORDER)
        fleet.write("balancers/recorder.yaml", {"path": str(output)})
        fleet.write("discovery/etcd.yaml", config)
        fleet.write("clusters/web.yaml", {"discovery": "etcd", "recorder": {}})
        fleet.start()
        eventually(lambda: recorded(output, "web") == ["web-1:1"], 30)
        etcd.put(f"{path}/web/web-2:2", record(2, "web-2"))
        eventually(lambda: recorded(output, "web") == ["web-1:1", "web-2:2"])
        fleet.write("discovery/etcd.yaml", {**config, "endpoints": [absent]})
        eventually(lambda: f"{absent}: Connection refused" in str(fleet.status()), 30)
        assert recorded(output, "web") == ["web-1:1", "web-2:2"]
        assert absent in fleet.lighthouse("status").stdout
        fleet.write("discovery/etcd.yaml", config)
        etcd.transact((f"{path}/web/web-3:3", record(3, "web-3")))
        wanted = ["web-1:1", "web-2:2", "web-3:3"]
        eventually(lambda: sorted(recorded(output, "web")) == wanted, 30)
        fleet.close()
        assert fleet.leftovers() == []
