"""The rabbitmq balancer and real brokers: three of them on one machine, and a fourth."""

from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.testing.values import cluster, node
from tests.software.rabbitmq_cluster import BrokerNode, brokers

pytestmark = [pytest.mark.needs("rabbitmq"), pytest.mark.slow, pytest.mark.timeout(600)]


def snapshot(*names: str) -> Cluster:
    """The brokers by name, as a discovery lists them."""
    found = [
        node(f"10.0.0.{name[1:]}:5672", host=name, erlang_node=f"{name}@localhost")
        for name in names
    ]
    return cluster("events", *found, config={})


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
