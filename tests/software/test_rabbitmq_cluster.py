"""The rabbitmq balancer and real brokers: three of them on one machine, and a fourth."""

import time
from typing import Any

import pytest

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.rabbitmq.changes.ledger import Ledger, LedgerFile
from lighthouse.rabbitmq.peers import render
from lighthouse.testing.values import cluster, node
from tests.software.rabbitmq_cluster import BrokerNode, Brokers, brokers
from tests.software.rabbitmq_world import listening
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("rabbitmq"), pytest.mark.slow, pytest.mark.timeout(600)]


def snapshot(*names: str, stale: bool = False) -> Cluster:
    """The brokers by name, as a discovery lists them."""
    found = [
        node(f"10.0.0.{name[1:]}:5672", host=name, erlang_node=f"{name}@localhost")
        for name in names
    ]
    return cluster("events", *found, config={}, stale=stale)


def balancer(broker: BrokerNode, **settings: Any) -> RabbitmqPeers:
    """The one on a broker's host."""
    made = RabbitmqPeers()
    made.apply_config({**broker.settings, **settings})
    return made


def test_three_that_boot_from_its_file_form_one_cluster() -> None:
    """And a list that changes later changes nothing of it, nor restarts anybody."""
    with brokers("r1", "r2", "r3") as world:
        balancers = {name: balancer(world[name]) for name in world.nodes}
        for made in balancers.values():
            assert made.sync_file([snapshot("r1", "r2")]).kind == "held"
            said = made.sync_file([snapshot("r1", "r2", "r3")])
            assert (said.kind, "does not run" in said.reason) == ("applied", True)
        for broker in world.nodes.values():
            broker.start()
        said = balancers["r1"].sync_file([snapshot("r1", "r2", "r3")])
        assert said.kind == "unchanged", said
        for broker in world.nodes.values():
            broker.up()
        for name, broker in world.nodes.items():
            broker.sees("r1", "r2", "r3")
            assert balancers[name].sync_file([snapshot("r1", "r2", "r3")]).reason == ""
            assert balancers[name].sync_file([snapshot("r4")]).kind == "applied"
        _wrong_cookie(world["r1"])
        world["r3"].kill()
        said = balancers["r1"].sync_file([snapshot("r1", "r2")])
        assert (said.kind, said.reason) == ("unchanged", "")
        assert balancers["r1"].status()["running"] == ["r1@localhost", "r2@localhost"]
        world["r3"].start().up()
        world["r3"].sees("r1", "r2", "r3")


def _wrong_cookie(broker: BrokerNode) -> None:
    """It is told, and tried once."""
    other = broker.path / "home"
    other.mkdir()
    cookie = other / ".erlang.cookie"
    cookie.write_text("ANOTHERTESTCOOKIE")
    cookie.chmod(0o400)
    program = broker.program("other-rabbitmqctl", other)
    made = balancer(broker, rabbitmqctl=str(program))
    before = len(broker.calls)
    for _ in range(3):
        said = made.sync_file([snapshot("r1", "r2", "r3")])
        assert (said.kind, "Erlang cookie" in said.reason) == ("degraded", True)
    assert len(broker.calls) == before + 1


def settled(made: RabbitmqPeers, wanted: Cluster) -> None:
    """Wait until there is nothing more to be done, and the broker answers."""
    said: list[Outcome] = []

    def well() -> bool:
        said.append(made.sync_file([wanted]))
        return said[-1] == Outcome("unchanged")

    eventually(well, 90, "the broker runs")
    assert {one.kind for one in said} <= {"unchanged", "held"}, said


QUEUE = """rabbit_amqqueue:declare(
    rabbit_misc:r(<<"/">>, queue, <<"orders">>), true, false, [{types}], none, <<"x">>)."""
QUORUM = '{<<"x-queue-type">>, longstr, <<"quorum">>}'


def declare(broker: BrokerNode, types: str = "") -> None:
    """A durable queue."""
    broker.control("eval", " ".join(QUEUE.format(types=types).split()))


def test_a_blank_node_joins_and_one_with_a_queue_does_not() -> None:
    with brokers("r1", "r2", "r3", "r4", "r5") as world:
        _formed(world, "r1", "r2", "r3")
        for name in ("r4", "r5"):
            world[name].start()
        for name in ("r4", "r5"):
            world[name].up(180)
        _a_blank_node_joins(world)
        _one_that_holds_a_queue_does_not(world)


def test_who_is_gone_is_forgotten_but_one_a_day_and_who_waits_is_left_alone() -> None:
    with brokers("r1", "r2", "r3", "r4") as world:
        _formed(world, "r1", "r2", "r3", "r4")
        declare(world["r1"], QUORUM)
        _who_is_gone_is_forgotten(world)
        _started_in_the_wrong_order(world)


def _formed(world: Brokers, *names: str) -> None:
    """These have booted as one cluster."""
    for name in names:
        path = world[name].confd / "90-lighthouse.conf"
        path.write_bytes(render(f"{one}@localhost" for one in names))
        world[name].start()
    for name in names:
        world[name].up(180)
    world[names[0]].sees(*names)


def _a_blank_node_joins(world: Brokers) -> None:
    made = balancer(world["r4"], join={"enabled": True, "jitter": 0})
    assert made.sync_file([snapshot("r1", "r2", "r3", stale=True)]).kind != "applied"
    assert "join_cluster" not in world["r4"].calls
    said = made.sync_file([snapshot("r1", "r2", "r3", "r4")])
    assert (said.kind, said.reason) == ("applied", "joined the cluster of r1@localhost")
    world["r1"].sees("r1", "r2", "r3", "r4")
    settled(made, snapshot("r1", "r2", "r3", "r4"))
    assert "suspend_listeners" in world["r4"].calls
    assert eventually(lambda: listening(world["r4"].port)), "clients are let in"
    before = len(world["r4"].calls)
    assert made.sync_file([snapshot("r1", "r2", "r3", "r4")]).kind == "unchanged"
    assert world["r4"].calls[before:] == ["cluster_status"]


def _one_that_holds_a_queue_does_not(world: Brokers) -> None:
    declare(world["r5"])
    made = balancer(world["r5"], join={"enabled": True, "jitter": 0})
    for _ in range(2):
        said = made.sync_file([snapshot("r1", "r2", "r3", "r5")])
        assert (said.kind, "queues (1)" in said.reason) == ("degraded", True), said
    changing = {"suspend_listeners", "stop_app", "join_cluster", "reset"}
    assert not changing & {*world["r5"].calls}
    assert listening(world["r5"].port)
    assert "orders" in world["r5"].control("list_queues", "name")
    assert world["r5"].topology().members == {"r5@localhost"}


def _who_is_gone_is_forgotten(world: Brokers) -> None:
    forget = {"enabled": True, "after": 60}
    world["r2"].kill()
    others = balancer(world["r3"], forget=forget)
    absent(world["r3"], "r2")
    said = others.sync_file([snapshot("r1", "r3", "r4")])
    assert "for r1@localhost to do" in said.reason
    made = balancer(world["r1"], forget=forget)
    absent(world["r1"], "r2")
    assert made.sync_file([snapshot("r1", "r2", "r3", "r4")]).kind == "unchanged"
    assert "forget_cluster_node" not in {*world["r1"].calls, *world["r3"].calls}
    made = balancer(world["r1"], forget=forget)
    absent(world["r1"], "r2")
    said = made.sync_file([snapshot("r1", "r3", "r4")])
    assert (said.kind, "r2@localhost was absent" in said.reason) == ("applied", True), said
    world["r1"].sees("r1", "r3", "r4")
    world["r4"].kill()
    made = balancer(world["r1"], forget=forget)
    absent(world["r1"], "r4", forgotten=True)
    said = made.sync_file([snapshot("r1", "r3")])
    assert "max_per_day" in said.reason
    world["r1"].sees("r1", "r3", "r4")


def absent(broker: BrokerNode, name: str, forgotten: bool = False) -> None:
    """Have the ledger say that a member is absent for an hour; the quota stays as it is."""
    kept = LedgerFile(str(broker.path / "state.json"))
    spent = kept.load().forgotten
    assert bool(spent) == forgotten
    kept.save(Ledger({f"{name}@localhost": 3600.0}, time.time(), spent))


def _started_in_the_wrong_order(world: Brokers) -> None:
    """Who is stopped first and started alone waits for the others, and is left alone."""
    for name in ("r1", "r3"):
        world[name].kill()
    both = {"join": {"enabled": True, "jitter": 0}, "forget": {"enabled": True, "after": 60}}
    made = balancer(world["r1"], **both)
    absent(world["r1"], "r4", forgotten=True)
    before = len(world["r1"].calls)
    world["r1"].start()
    for _ in range(4):
        said = made.sync_file([snapshot("r1", "r3")])
        assert "does not run" in said.reason or "slow is not broken" in said.reason, said
    assert {*world["r1"].calls[before:]} == {"cluster_status"}
    for name in ("r3", "r4"):
        world[name].start()
    for name in ("r1", "r3", "r4"):
        world[name].up(180)
        world[name].sees("r1", "r3", "r4")
