"""A cluster of brokers whose cables are pulled: nobody is forgotten, joined or reset."""

import time

import pytest

from lighthouse.cluster import Cluster
from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.rabbitmq.changes.ledger import Ledger, LedgerFile
from lighthouse.rabbitmq.peers import render
from lighthouse.testing.values import cluster, node
from tests.software.rabbitmq_partition import DistantBroker, DistantBrokers, distant_brokers
from tests.waiting import eventually

pytestmark = [
    pytest.mark.needs("rabbitmq", "namespaces"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

NAMES = ("r1", "r2", "r3")
CHANGING = {"stop_app", "join_cluster", "forget_cluster_node", "reset", "force_boot"}


def snapshot(world: DistantBrokers, *names: str, stale: bool = False) -> Cluster:
    found = [
        node(f"{world.hosts.address(name)}:5672", host=name, erlang_node=world[name].name)
        for name in names
    ]
    return cluster("events", *found, config={}, stale=stale)


def keen(broker: DistantBroker) -> RabbitmqPeers:
    """A balancer that may do all that can be asked of it, and thinks that all are long gone."""
    made = RabbitmqPeers()
    join = {"enabled": True, "jitter": 0}
    forget = {"enabled": True, "after": 60}
    made.apply_config({**broker.settings, "join": join, "forget": forget, "timeout": 30})
    return made


def absent(broker: DistantBroker, *names: str) -> None:
    """Have its ledger say that these are absent for an hour."""
    kept = LedgerFile(str(broker.path / "state.json"))
    kept.save(Ledger(dict.fromkeys(names, 3600.0), time.time(), kept.load().forgotten))


def test_a_partition_costs_no_member() -> None:
    with distant_brokers(*NAMES) as world:
        members = [world[name].name for name in NAMES]
        for broker in world.nodes.values():
            (broker.confd / "90-lighthouse.conf").write_bytes(render(members))
            broker.start()
        for broker in world.nodes.values():
            broker.up(240)
        for broker in world.nodes.values():
            eventually(lambda one=broker: set(one.topology().running_nodes) == {*members}, 60)
        _cut_off(world)
        _told_of_a_partition(world)
        _healed(world)


def _cut_off(world: DistantBrokers) -> None:
    """r3 is alone; the others see that it is gone, and it that they are."""
    world.hosts.cut("r3")
    r1, r3 = world["r1"], world["r3"]
    eventually(lambda: r3.name not in r1.topology().running_nodes, 90)
    eventually(lambda: set(r3.topology().running_nodes) == {r3.name}, 90)
    wrong = [
        snapshot(world, "r1", "r2", "r3"),
        snapshot(world, "r3"),
        snapshot(world, "r3", stale=True),
        snapshot(world),
    ]
    for name in ("r1", "r3"):
        others = [world[one].name for one in NAMES if one != name]
        absent(world[name], *others)
        made = keen(world[name])
        for each in wrong:
            made.sync_file([each])
            made.wake()
        assert not CHANGING & {*world[name].calls}, name
    absent(r3, world["r1"].name, world["r2"].name)
    said = keen(r3).sync_file([snapshot(world, "r3")])
    assert "no more than half of all members run" in said.reason, said
    assert not CHANGING & {*r3.calls}


def _told_of_a_partition(world: DistantBrokers) -> None:
    """The cable is back, and RabbitMQ says that the cluster is partitioned."""
    world.hosts.heal("r3")
    r1 = world["r1"]
    eventually(lambda: r1.topology().partitioned or world["r3"].topology().partitioned, 120)
    for broker in world.nodes.values():
        gone = [world[one].name for one in NAMES if world[one] is not broker]
        absent(broker, *gone)
        made = keen(broker)
        for names in (NAMES, ("r1",), (broker.path.name,), ()):
            made.sync_file([snapshot(world, *names)])
        said = made.sync_file([snapshot(world, *NAMES)])
        if broker.topology().partitioned:
            assert said.kind == "degraded", said
            assert "the cluster is partitioned" in said.reason
        assert not CHANGING & {*broker.calls}


def _healed(world: DistantBrokers) -> None:
    """What the run-book says: restart the side that is to give way."""
    world["r3"].kill()
    world["r3"].start().up(240)
    members = {world[name].name for name in NAMES}
    for broker in world.nodes.values():
        eventually(lambda one=broker: set(one.topology().running_nodes) == members, 90)
        eventually(lambda one=broker: not one.topology().partitioned, 60)
        said = keen(broker).sync_file([snapshot(world, *NAMES)])
        assert said.kind in ("unchanged", "applied"), said
        assert not CHANGING & {*broker.calls}
