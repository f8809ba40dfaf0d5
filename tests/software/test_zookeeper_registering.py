"""What the ZooKeeper discovery registers, keeps, replaces, leaves alone and removes."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

from lighthouse.ipc.messages import Applied, Connected
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings, WatchedCluster
from lighthouse.peer import Peer
from tests.rig import Rig
from tests.software.zookeeper_plugin import Driver, driving, fill, record, service
from tests.software.zookeeper_world import (
    Ensemble,
    client,
    ensemble,
    expire,
    password,
)
from tests.waiting import eventually

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
def path(request: pytest.FixtureRequest) -> str:
    return f"/{request.node.name}/services"


@pytest.fixture
def driver(server: Ensemble, path: str) -> Iterator[Driver]:
    with driving(hosts=server.hosts, path=path) as found:
        yield found.connected()


def snapshot(server: Ensemble, path: str, *up: Any, watch: str = "", **config: Any) -> Any:
    config = {"hosts": server.hosts, "path": path, "session_timeout": 2, **config}
    watched = (WatchedCluster(watch),) if watch else ()
    return DiscoverySnapshot(PluginSettings(config, config), watched, up)


def test_a_node_is_registered_as_the_2016_lighthouse_reads_it(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    given = service(
        "webapp", "web-1", 8000, metadata={"zone": "a"}, peer=Peer("web-1", "10.0.0.9")
    )
    driver.plugin.report_up(given)
    data, stat = zk.get(f"{path}/webapp/web-1:8000")
    value = json.loads(data)
    assert (value["host"], value["ip"], value["port"]) == ("web-1", "10.0.0.9", 8000)
    assert json.loads(value["peer"]) == {"name": "web-1", "ip": "10.0.0.9", "port": 1024}
    assert json.loads(value["metadata"]) == {"zone": "a"}
    assert stat.ephemeralOwner == driver.client_id[0]
    driver.plugin.report_up(given)
    assert zk.exists(f"{path}/webapp/web-1:8000").version == 0, "nothing to do"
    driver.plugin.report_up(service("webapp", "web-1", 8000, weight=7))
    data, renewed = zk.get(f"{path}/webapp/web-1:8000")
    assert json.loads(data)["weight"] == 7
    assert (renewed.czxid, renewed.version) == (stat.czxid, 1)
    driver.plugin.report_down(given)
    assert zk.get_children(f"{path}/webapp") == []
    driver.plugin.report_down(given)


def test_a_node_is_registered_as_synapse_reads_it(
    server: Ensemble, zk: KazooClient, path: str
) -> None:
    place = f"{path}/{{cluster}}/services"
    with driving(hosts=server.hosts, path=place, format="smartstack") as driver:
        driver.connected().up(service("webapp", "web-1", 8000, weight=3, metadata={"zone": "a"}))
        (name,) = zk.get_children(f"{path}/webapp/services")
        value = json.loads(zk.get(f"{path}/webapp/services/{name}")[0])
        del value["owner"]
        assert value == {
            "host": "10.0.0.9",
            "port": 8000,
            "name": "web-1",
            "weight": 3,
            "labels": {"zone": "a"},
        }
        driver.watch("webapp")
        (node,) = driver.reading("webapp").nodes
        assert (node.name, node.ip, node.weight) == ("web-1:8000", "10.0.0.9", 3)


def test_what_somebody_else_registered_is_left_alone_until_it_is_gone(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    zk.create(f"{path}/webapp/me:80", record("10.0.0.1"), ephemeral=True, makepath=True)
    with pytest.raises(FileExistsError, match="registered by somebody else; left alone"):
        driver.plugin.report_up(service("webapp"))
    driver.plugin.report_down(service("webapp"))
    assert zk.get(f"{path}/webapp/me:80")[0] == record("10.0.0.1")
    with pytest.raises(FileExistsError):
        driver.plugin.report_up(service("webapp"))
    assert driver.status["registered"] == 0
    assert list(driver.status["unregistered"]) == [f"{path}/webapp/me:80"]
    zk.delete(f"{path}/webapp/me:80")
    driver.until(lambda: driver.status["registered"] == 1, "registered at last")
    assert b"10.0.0.9" in zk.get(f"{path}/webapp/me:80")[0]
    assert driver.status["restored"] == 0


def test_a_registration_that_somebody_removes_is_created_again(
    driver: Driver, zk: KazooClient, path: str
) -> None:
    driver.up(service("webapp"))
    for count in (1, 2):
        zk.delete(f"{path}/webapp", recursive=True)
        driver.until(lambda n=count: driver.status["restored"] == n, "restored")
        assert zk.exists(f"{path}/webapp/me:80").ephemeralOwner == driver.client_id[0]
    driver.plugin.report_down(service("webapp"))
    driver.turns(0.2)
    assert zk.get_children(f"{path}/webapp") == []


def test_two_sessions_of_one_host_do_not_fight(
    driver: Driver, server: Ensemble, zk: KazooClient, path: str
) -> None:
    driver.up(service("webapp"))
    with driving(hosts=server.hosts, path=path) as later:
        later.connected().up(service("webapp"))
        for _ in range(10):
            driver.turn()
            later.turn()
        stat = zk.exists(f"{path}/webapp/me:80")
        assert stat.ephemeralOwner == later.client_id[0]
        assert stat.czxid == zk.exists(f"{path}/webapp").pzxid, "taken over once"
        assert "another session of this host" in str(driver.status["unregistered"])
    driver.until(lambda: driver.status["registered"] == 1, "the later one is gone")
    assert zk.exists(f"{path}/webapp/me:80").ephemeralOwner == driver.client_id[0]


def test_only_its_owner_may_change_what_is_registered(
    server: Ensemble, zk: KazooClient, tmp_path: Path, path: str
) -> None:
    (tmp_path / "right").write_text("secret\n")
    (tmp_path / "wrong").write_text("guess\n")
    config = {"hosts": server.hosts, "path": path, "acl": "owner"}
    auth = {"user": "fleet", "password": {"file": str(tmp_path / "right")}}
    with driving(**config, auth=auth) as driver:
        driver.connected().up(service("webapp"))
        assert b"10.0.0.9" in zk.get(f"{path}/webapp/me:80")[0], "anybody may read it"
        with pytest.raises(NoAuthError):
            zk.set(f"{path}/webapp/me:80", b"hijacked")
        with pytest.raises(NoAuthError):
            zk.create(f"{path}/webapp/rogue:80", b"")
        driver.watch("webapp")
        assert driver.nodes("webapp") == {"me:80"}
        wrong = {**auth, "password": {"file": str(tmp_path / "wrong")}}
        with driving(**config, auth=wrong) as other:
            other.connected()
            with pytest.raises(OSError, match="ACL does not allow this to the user 'fleet'"):
                other.plugin.report_up(service("webapp", "other"))
            assert list(other.status["unregistered"]) == [f"{path}/webapp/other:80"]
            (tmp_path / "wrong").write_text("secret\n")
            expire(other.client_id, server.hosts)
            other.until(lambda: "lost" in {state for state, _ in other.states}, "lost")
            other.until(lambda: other.state == "connected", "connected")
            other.up(service("webapp", "other"))
        entries, _ = zk.get_acls(f"{path}/webapp")
        assert {(one.id.scheme, one.perms) for one in entries} == {("digest", 31), ("world", 1)}


def test_nothing_is_promised_while_no_server_answers(server: Ensemble, path: str) -> None:
    with driving(hosts=["127.0.0.1:1"], path=path) as driver:
        with pytest.raises(ConnectionError, match=r"not connected: .* refused"):
            driver.plugin.report_up(service("webapp"))
        with pytest.raises(ConnectionError, match="not connected"):
            driver.plugin.report_down(service("webapp"))


def test_a_worker_deregisters_when_it_stops_and_not_when_its_config_changes(
    tmp_path: Path, server: Ensemble, zk: KazooClient, path: str
) -> None:
    seen: list[bool] = []
    with Rig(tmp_path, "discovery", plugin="zookeeper") as rig:
        rig.ready().deliver(snapshot(server, path, service("webapp")))
        eventually(lambda: zk.exists(f"{path}/webapp/me:80"))
        before = zk.exists(f"{path}/webapp/me:80").ephemeralOwner
        rig.deliver(snapshot(server, path, service("webapp"), session_timeout=3))

        def taken_over() -> bool:
            stat = zk.exists(f"{path}/webapp/me:80")
            seen.append(stat is not None)
            return stat is not None and stat.ephemeralOwner != before

        eventually(taken_over)
        assert all(seen), "never absent"
        assert rig.stop() == 0
        assert not zk.exists(f"{path}/webapp/me:80")


def test_a_start_is_no_failure(tmp_path: Path, server: Ensemble, path: str) -> None:
    with Rig(tmp_path, "discovery", plugin="zookeeper") as rig:
        rig.ready().deliver(snapshot(server, path, service("webapp")))
        assert rig.expect(Applied).kind == "applied"
        assert rig.registrations()["webapp", 80].registered


def test_servers_that_say_nothing_are_waited_for_once() -> None:
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        hosts = [f"127.0.0.1:{silent.getsockname()[1]}"]
        driver = stack.enter_context(driving(hosts=hosts, path="/services", session_timeout=60))
        took = []
        for name in ("one", "two", "three"):
            began = time.monotonic()
            with pytest.raises(ConnectionError, match="no server has answered yet"):
                driver.plugin.report_up(service(name))
            took.append(time.monotonic() - began)
        assert 1 < took[0] < 10
        assert max(took[1:]) < 1


def test_a_killed_worker_is_followed_by_one_that_takes_its_registration_over(
    tmp_path: Path, server: Ensemble, zk: KazooClient, path: str
) -> None:
    with Rig(tmp_path, "discovery", plugin="zookeeper") as rig:
        rig.ready().deliver(snapshot(server, path, service("webapp")))
        before = eventually(lambda: zk.exists(f"{path}/webapp/me:80")).ephemeralOwner
        os.kill(rig.pid, signal.SIGKILL)
        rig.process.wait()
    with driving(hosts=server.hosts, path=path) as reader:
        reader.watch("webapp")
        with Rig(tmp_path, "discovery", plugin="zookeeper") as rig:
            rig.ready().deliver(snapshot(server, path, service("webapp")))

            def is_taken_over() -> bool:
                found = zk.exists(f"{path}/webapp/me:80")
                return found is not None and found.ephemeralOwner != before

            eventually(is_taken_over)
            eventually(lambda: f"0x{before:x}" not in server.servers[0].ask("dump"), 20)
            reader.turns(0.1)
            assert zk.exists(f"{path}/webapp/me:80"), "the old session's end takes nothing along"
        assert all(reading.nodes for _, reading in reader.readings)


def test_a_session_that_is_ended_from_outside_costs_a_moment(
    server: Ensemble, zk: KazooClient, path: str
) -> None:
    fill(zk, f"{path}/webapp", 30)
    with driving(hosts=server.hosts, path=path) as driver:
        driver.watch("webapp")
        driver.up(service("webapp"))
        driver.until(lambda: len(driver.nodes("webapp")) == 31, "registered")
        reads, heard = driver.status["reads"], len(driver.readings)
        expire(driver.client_id, server.hosts)
        driver.until(lambda: "lost" in {state for state, _ in driver.states}, "lost")
        driver.until(lambda: driver.state == "connected", "connected")
        driver.up(service("webapp"))
        fill(zk, f"{path}/webapp", 1, first=40)
        driver.until(lambda: len(driver.nodes("webapp")) == 32, "caught up")
        driver.until(lambda: driver.status["read_over"] >= 30, "read over")
        assert driver.status["reads"] - reads <= 34
        sizes = [len(reading.nodes) for _, reading in driver.readings[heard:]]
        assert min(sizes) >= 30, "only our own registration was ever missing"


def test_a_worker_registers_again_within_a_second_of_its_sessions_end(
    tmp_path: Path, server: Ensemble, zk: KazooClient, path: str
) -> None:
    with Rig(tmp_path, "discovery", plugin="zookeeper") as rig:
        rig.ready().deliver(snapshot(server, path, service("webapp")))
        session = eventually(lambda: zk.exists(f"{path}/webapp/me:80")).ephemeralOwner
        rig.expect(Applied, lambda m: m.kind == "applied")
        rig.expect(Connected, lambda m: m.state == "connected")
        rig.forget()
        expire((session, password(session)), server.hosts)
        rig.expect(Connected, lambda m: m.state == "lost")
        rig.expect(Connected, lambda m: m.state == "connected")
        stat = eventually(lambda: zk.exists(f"{path}/webapp/me:80"), 1.0)
        assert stat.ephemeralOwner != session
        assert rig.registrations()["webapp", 80].registered is False
        assert rig.registrations()["webapp", 80].registered is True


def test_what_changes_all_the_time_is_given_up_and_tried_again(
    driver: Driver, zk: KazooClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes between each look at the znode and its removal."""
    given = service("webapp", "web-1", 8000)
    driver.plugin.report_up(given)
    place = f"{path}/webapp/web-1:8000"
    session, looks = driver.source.session, []
    call = session.call

    def slow(begin: Callable[[KazooClient], Any]) -> Any:
        found = call(begin)
        if isinstance(found, tuple):
            looks.append(found)
            zk.set(place, found[0])
        return found

    monkeypatch.setattr(session, "call", slow)
    with pytest.raises(BlockingIOError, match="changes faster than it can be removed"):
        driver.plugin.report_down(given)
    assert len(looks) == 5
    monkeypatch.undo()
    driver.plugin.report_down(given)
    assert zk.exists(place) is None
