"""The ZooKeeper discovery on a real server: what it reads, and how often."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from lighthouse.discovery import Refusal
from lighthouse.node import NO_RECORD
from lighthouse.zookeeper.protocol.requests import RemoveWatches
from tests.software.zookeeper_plugin import Driver, driving, fill, record, service
from tests.software.zookeeper_world import Ensemble, client, ensemble

pytestmark = pytest.mark.needs("zookeeper")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with ensemble(tmp_path_factory.mktemp("zookeeper")) as made:
        yield made


@pytest.fixture(scope="module")
def zk(server: Ensemble) -> Iterator[KazooClient]:
    with client(server) as found:
        yield found


@pytest.fixture
def path(zk: KazooClient, request: pytest.FixtureRequest) -> str:
    """A base of the test's own, which exists."""
    found = f"/{request.node.name}/services"
    zk.ensure_path(found)
    return found


@pytest.fixture
def driver(server: Ensemble, path: str) -> Iterator[Driver]:
    with driving(hosts=server.hosts, path=path) as found:
        yield found


def test_znodes_of_the_2016_lighthouse_are_read_and_a_broken_one_is_named(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    for host, ip in (("web-1", "10.0.0.1"), ("web-2", "10.0.0.2")):
        value = {
            "host": host,
            "ip": ip,
            "port": 8000,
            "peer": json.dumps({"name": host, "ip": ip, "port": 1024}),
            "metadata": json.dumps({"zone": "a"}),
        }
        zk.create(f"{path}/webapp/{host}:8000", json.dumps(value).encode(), makepath=True)
    zk.create(f"{path}/webapp/broken:1", b'{"host": "broken')
    zk.create(f"{path}/webapp/empty:1")
    driver.watch("webapp")
    reading = driver.reading("webapp")
    assert {node.name for node in reading.nodes} == {"web-1:8000", "web-2:8000"}
    first = min(reading.nodes, key=lambda node: node.name)
    assert (first.ip, first.metadata, first.weight) == ("10.0.0.1", {"zone": "a"}, 1)
    assert first.peer is not None
    assert first.peer.ip == "10.0.0.1"
    assert [one.record for one in sorted(reading.refused, key=lambda r: r.record)] == [
        "broken:1",
        "empty:1",
    ]
    reasons = {one.record: one.reason for one in reading.refused}
    assert "not JSON" in reasons["broken:1"]
    assert reasons["empty:1"] == NO_RECORD
    assert driver.status["refused"] == 1, "an empty child is no fault"
    zk.set(f"{path}/webapp/broken:1", record("10.0.0.3"))
    driver.until(lambda: "h:80" in driver.nodes("webapp"), "mended")
    assert driver.status["refused"] == 0


@pytest.mark.parametrize("options", [False, True])
def test_znodes_of_nerve_are_read_wherever_the_fleet_keeps_them(
    server: Ensemble, zk: KazooClient, options: bool
) -> None:
    base = f"/nerve-{options}/services"
    for number in (1, 2):
        value = {
            "host": f"10.0.0.{number}",
            "port": 3000,
            "name": f"mymachine{number}",
            "weight": number,
            "labels": {"zone": "b"},
            "haproxy_server_options": "maxconn 7",
        }
        place = f"{base}/webapp/services/mymachine{number}_"
        data = json.dumps(value).encode()
        zk.create(place, data, ephemeral=True, sequence=True, makepath=True)
    zk.create(f"{base}/webapp/services/odd_0000000009", b'{"host": "not an address", "port": 1}')
    config: dict[str, Any] = {"path": f"{base}/{{cluster}}/services", "format": "smartstack"}
    if options:
        config["haproxy_server_options"] = True
    with driving(hosts=server.hosts, **config) as driver:
        driver.watch("webapp")
        reading = driver.reading("webapp")
        assert {(node.name, node.ip, node.weight) for node in reading.nodes} == {
            ("mymachine1:3000", "10.0.0.1", 1),
            ("mymachine2:3000", "10.0.0.2", 2),
        }
        assert [one.record for one in reading.refused] == ["odd_0000000009"]
        expected = {"zone": "b", "maxconn": 7}
        assert reading.nodes[0].metadata == (expected if options else {"zone": "b"})


def test_a_change_costs_one_read_and_a_deletion_none(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    fill(zk, f"{path}/webapp", 50)
    driver.watch("webapp")
    assert driver.status["reads"] == 50
    zk.create(f"{path}/webapp/new:80", record("10.9.0.1"))
    driver.until(lambda: "h:80" in driver.nodes("webapp"), "created")
    zk.set(f"{path}/webapp/h7:80", record("10.9.0.7"))
    driver.until(
        lambda: "10.9.0.7" in {node.ip for node in driver.reading("webapp").nodes}, "changed"
    )
    zk.delete(f"{path}/webapp/h8:80")
    driver.until(lambda: "h8:80" not in driver.nodes("webapp"), "deleted")
    status = driver.status
    assert (status["reads"], status["events"], status["lists"]) == (52, 3, 1)
    assert len(driver.readings) == 4


def test_a_deploy_costs_a_read_for_each_new_node(
    driver: Driver, server: Ensemble, zk: KazooClient, path: str
) -> None:
    old = fill(zk, f"{path}/webapp", 200)
    driver.watch("webapp")
    before, packets = driver.status["reads"], server.packets()

    def deploy() -> None:
        for number, name in enumerate(old):
            data = record(f"10.2.0.{number + 1}", 81)
            zk.create(f"{path}/webapp/new{number}:81", data)
            zk.delete(f"{path}/webapp/{name}")

    driver.during(deploy)
    driver.until(lambda: driver.nodes("webapp") == {"h:81"}, "deployed")
    assert len(driver.reading("webapp").nodes) == 200
    assert {node.port for node in driver.reading("webapp").nodes} == {81}
    assert driver.status["reads"] - before == 200
    assert driver.status["lists"] == 1
    ours = server.packets() - packets - 400
    assert 200 <= ours < 430, "reads, less than a question for each deletion, and heartbeats"
    assert all(len(reading.nodes) >= 200 for _, reading in driver.readings)


def test_children_that_vanish_between_list_and_read_are_no_event(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    for turn in range(4):
        cluster = f"webapp{turn}"
        names = fill(zk, f"{path}/{cluster}", 300)
        gone = names[:290]
        random.Random(turn).shuffle(gone)
        driver.plugin.start_watching(cluster)
        for name in gone:
            zk.delete_async(f"{path}/{cluster}/{name}")
        driver.until(lambda c=cluster: len(driver.nodes(c)) == 10, cluster)
        assert driver.nodes(cluster) == set(names[290:])
    assert driver.status["errors"] == {}
    assert [state for state, _ in driver.states] == ["connected"]


def test_a_cluster_without_a_znode_is_empty_and_is_followed_all_the_same(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    driver.watch("webapp", "other")
    assert driver.nodes("webapp") == set()
    zk.create(f"{path}/webapp/a:80", record("10.0.0.1"), makepath=True)
    driver.until(lambda: driver.nodes("webapp") == {"h:80"}, "created")
    zk.delete(f"{path}/webapp", recursive=True)
    driver.until(lambda: driver.nodes("webapp") == set(), "deleted with its parent")
    zk.create(f"{path}/webapp/a:80", record("10.0.0.2"), makepath=True)
    driver.until(lambda: driver.nodes("webapp") == {"h:80"}, "created again")
    assert driver.status["lists"] == 2


def test_a_path_that_does_not_exist_is_a_source_that_is_away(
    server: Ensemble, zk: KazooClient
) -> None:
    with driving(hosts=server.hosts, path="/wrong/services") as driver:
        driver.plugin.start_watching("webapp")
        driver.until(lambda: driver.state == "suspended", "told")
        assert "/wrong/services does not exist: is 'path' right?" in driver.reason
        assert driver.readings == []
        zk.create("/wrong/services/webapp/a:80", record("10.0.0.1"), makepath=True)
        driver.until(lambda: driver.nodes("webapp") == {"h:80"}, "there at last")
        assert driver.state == "connected"


def test_refresh_reads_everything_and_says_so_though_nothing_is_new(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    fill(zk, f"{path}/webapp", 20)
    driver.watch("webapp")
    driver.plugin.refresh("webapp")
    driver.until(lambda: len(driver.readings) == 2, "read again")
    assert driver.readings[0] == driver.readings[1]
    assert driver.status["reads"] == 40


def test_a_cluster_that_nobody_wants_any_more_is_not_heard_of(
    driver: Driver, server: Ensemble, zk: KazooClient, path: str
) -> None:
    fill(zk, f"{path}/webapp", 2)
    driver.watch("webapp", "other")
    driver.plugin.stop_watching("webapp")
    heard = len(driver.readings)
    fill(zk, f"{path}/webapp", 2, first=5)
    zk.create(f"{path}/other/a:80", record("10.0.0.1"), makepath=True)
    driver.until(lambda: driver.nodes("other") == {"h:80"}, "the other one")
    assert [name for name, _ in driver.readings[heard:]] == ["other"]
    assert driver.status["events"] == 1
    driver.watch("webapp")
    driver.until(lambda: len(driver.nodes("webapp")) == 4, "wanted again")


def test_a_child_that_may_not_be_read_is_refused_and_its_siblings_are_served(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    fill(zk, f"{path}/webapp", 2)
    secret = [make_digest_acl("somebody", "else", all=True)]
    zk.create(f"{path}/webapp/secret:80", record("10.0.0.1"), acl=secret)
    driver.watch("webapp")
    reading = driver.reading("webapp")
    assert len(reading.nodes) == 2
    assert reading.refused == (Refusal("secret:80", "its ACL does not allow to read it"),)


def test_a_parent_that_may_not_be_read_is_an_error_and_no_empty_cluster(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    secret = [make_digest_acl("somebody", "else", all=True)]
    zk.create(f"{path}/webapp", acl=secret)
    fill(zk, f"{path}/other", 1)
    driver.plugin.start_watching("webapp")
    driver.until(lambda: driver.state == "suspended", "told")
    assert driver.reason == (
        f"{path}/webapp: its ACL does not allow this to anybody; give credentials in 'auth'"
    )
    driver.watch("other")
    driver.until(lambda: driver.state == "connected", "one that can be read")
    assert list(driver.status["errors"]) == ["webapp"]
    assert {name for name, _ in driver.readings} == {"other"}


@pytest.mark.parametrize("change", ["creation", "deletion", "data"])
def test_an_audit_finds_what_a_lost_watch_did_not_tell(
    server: Ensemble, zk: KazooClient, path: str, change: str
) -> None:
    fill(zk, f"{path}/webapp", 5)
    with driving(hosts=server.hosts, path=path, audit=1) as driver:
        driver.watch("webapp")
        driver.until(lambda: driver.status["audits"], "an audit")
        assert driver.status["audits_found"] == 0
        lost: list[object] = []
        driver.source.session.ask(
            RemoveWatches(f"{path}/webapp"), lambda _, error: lost.append(error)
        )
        driver.until(lambda: lost == [None], "the watch is lost")
        if change == "creation":
            zk.create(f"{path}/webapp/new:80", record("10.9.0.1"))
        elif change == "data":
            zk.set(f"{path}/webapp/h3:80", record("10.9.0.3"))
        else:
            zk.delete(f"{path}/webapp/h3:80")
        before = driver.nodes("webapp")
        driver.until(lambda: driver.nodes("webapp") != before, change)
        assert driver.status["events"] == 0
        assert driver.status["audits_found"] == 1
        zk.create(f"{path}/webapp/later:81", record("10.9.1.1", 81))
        driver.until(lambda: "h:81" in driver.nodes("webapp"), "listed anew")
        zk.create(f"{path}/webapp/last:82", record("10.9.1.2", 82))
        driver.until(lambda: "h:82" in driver.nodes("webapp"), "followed anew")
        assert driver.status["events"] >= 1


def test_a_registration_that_a_new_session_takes_over_is_never_missed(
    driver: Driver, server: Ensemble, path: str
) -> None:
    driver.watch("webapp")

    def take_over(times: int) -> None:
        for _ in range(times):
            with driving(hosts=server.hosts, path=path) as other:
                other.connected().up(service("webapp"))
                other.source.session.close(keep=True)

    driver.during(lambda: take_over(1))
    driver.until(lambda: driver.nodes("webapp") == {"me:80"}, "registered")
    seen = len(driver.readings)
    driver.during(lambda: take_over(10))
    assert all(reading.nodes for _, reading in driver.readings[seen:])
    driver.until(lambda: driver.status["events"] >= 21, "ten times deleted and created")
