"""The etcd discovery while etcd is not well: three members, killed, frozen, wiped."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.ipc.messages import Applied, Connected
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings, WatchedCluster
from tests.rig import Rig
from tests.software.etcd_world import Etcd, Member, World, following, record, running, service
from tests.waiting import eventually

PAUSE = float(os.environ.get("ETCD_PAUSE", "5"))
"""Seconds for which all members are stopped, or away; longer ones by the environment."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    with running(tmp_path_factory.mktemp("etcd"), 3) as found:
        yield found


@pytest.fixture
def etcd(cluster: Etcd) -> Iterator[Etcd]:
    """The cluster, whole again afterwards whatever the test left of it."""
    yield cluster
    for member in cluster.members:
        if member.running:
            member.thaw()
    cluster.start()


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    return f"/{request.node.name}"


@pytest.fixture
def world(etcd: Etcd, path: str) -> Iterator[World]:
    """One node of another host, and one of this host that is registered.

    The lease is long, so that keeping it alive is not what finds a fault.
    """
    etcd.put(f"{path}/web/a", record(1))
    with following(etcd, path, lease_ttl=300) as found:
        found.until_state("connected")
        found.discovery.report_up(service())
        found.until_ports(1, 80)
        found.until_state("connected")
        yield found


def attached(etcd: Etcd, world: World) -> Member:
    return next(one for one in etcd.members if one.url == world.status["endpoint"])


def caught_up(etcd: Etcd, world: World, port: int, *others: int, within: float = 20.0) -> None:
    """A change made now arrives."""
    eventually(lambda: etcd.put(f"{world.path}/web/n{port}", record(port)), within)
    world.until_ports(*sorted((1, 80, port, *others)), within=within)


def test_the_leader_is_killed(etcd: Etcd, world: World) -> None:
    before = world.status
    etcd.leader().kill()
    caught_up(etcd, world, 2)
    world.until_state("connected")
    assert world.status["reads"] == before["reads"]
    assert world.status["lease"] == before["lease"]
    assert world.status["relists"] == 0


def test_the_member_it_is_at_is_killed(etcd: Etcd, world: World) -> None:
    before = world.status
    attached(etcd, world).kill()
    caught_up(etcd, world, 2)
    world.until_state("connected")
    assert world.status["endpoint"] != before["endpoint"]
    assert world.status["reads"] == before["reads"]
    assert "lost" not in dict(world.states)


def test_the_member_it_is_at_is_stopped(etcd: Etcd, world: World) -> None:
    """Its connections stay as they are; only its silence tells."""
    before = world.status
    member = attached(etcd, world)
    member.freeze()
    began = time.monotonic()
    world.until(lambda: world.status["endpoint"] not in ("", member.url))
    assert time.monotonic() - began < 12
    running = next(one for one in etcd.members if one is not member)
    eventually(lambda: etcd.ask("/health", None, running))
    member.thaw()
    caught_up(etcd, world, 2)
    assert world.status["reads"] == before["reads"]


def test_the_quorum_is_lost(etcd: Etcd, world: World) -> None:
    before = world.status
    here = attached(etcd, world)
    others = [member for member in etcd.members if member is not here]
    for member in others:
        member.kill()
    world.until_state("suspended", "has no leader (quorum lost?)", within=20)
    assert world.ports() == [1, 80]
    etcd.start(*others)
    caught_up(etcd, world, 2)
    world.until_state("connected")
    assert world.status["reads"] == before["reads"]
    assert world.status["registered"] == 1


def test_all_are_stopped_for_a_while(etcd: Etcd, world: World) -> None:
    before = world.status
    etcd.freeze()
    began = time.monotonic()
    world.until(lambda: world.status["endpoint"] == "")
    eventually(lambda: time.monotonic() - began > PAUSE, PAUSE + 5)
    assert world.ports() == [1, 80]
    if PAUSE > 14:
        assert "no answer within" in world.status["connection"]
    etcd.thaw()
    caught_up(etcd, world, 2)
    world.until_state("connected")
    assert world.status["reads"] == before["reads"]
    assert world.status["lease"] == before["lease"]


def test_all_are_killed_and_started_again(etcd: Etcd, world: World) -> None:
    before = world.status
    etcd.kill()
    world.until_state("suspended", "Connection refused")
    assert world.ports() == [1, 80]
    etcd.start()
    world.until_state("connected")
    caught_up(etcd, world, 2)
    after = world.status
    assert (after["reads"], after["lease"]) == (before["reads"], before["lease"])
    assert "lost" not in dict(world.states)


def test_all_data_are_wiped(etcd: Etcd, path: str, tmp_path: Path) -> None:
    """The worker registers again what is gone; nothing is believed of what was before."""
    etcd.put(f"{path}/web/a", record(1))
    config = {"endpoints": etcd.endpoints, "path": path}
    snapshot = DiscoverySnapshot(PluginSettings(config), (WatchedCluster("web"),), (service(),))
    with Rig(tmp_path, "discovery", plugin="etcd") as rig:
        rig.ready().deliver(snapshot)
        assert rig.expect(Applied).kind == "applied"
        rig.reading("web", lambda reading: len(reading.nodes) == 2)
        rig.forget()
        etcd.kill()
        rig.expect(Connected, lambda m: m.state == "suspended")
        for member in etcd.members:
            member.wipe()
        etcd.start()
        rig.expect(Connected, lambda m: m.state == "lost", within=20)
        rig.expect(Connected, lambda m: m.state == "connected")
        rig.reading("web", lambda reading: [node.port for node in reading.nodes] == [80])
        assert list(etcd.range(path)) == [f"{path}/web/here:80"]
        assert rig.stop() == 0
    assert etcd.range(path) == {}
