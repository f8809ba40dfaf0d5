"""What clients see of a database's failover, and how soon brokers are one cluster."""

import os
import time
from pathlib import Path

from lighthouse.rabbitmq.balancer import RabbitmqPeers
from lighthouse.testing.values import cluster, node
from tests.bench.rig import Row
from tests.requirements import lacking
from tests.software.pgbouncer_failover import failover_world
from tests.software.rabbitmq_cluster import brokers
from tests.waiting import eventually

OUTAGE = 3.0
"""Seconds from the death of a primary to the promotion of the other."""

BROKERS = ("r1", "r2", "r3")


def failovers(root: Path, rows: list[Row]) -> None:
    """Planned and not, with and without a hold; and three brokers' first boot."""
    root.chmod(0o711)  # the servers' user passes through
    once = root / "once"
    once.mkdir(mode=0o711)
    os.environ["TESTS_MADE_ONCE"] = str(once)
    missing = [*filter(None, map(lacking, ("postgresql", "pgbouncer", "rabbitmq")))]
    if missing:
        print(f"failovers: {'; '.join(missing)}")
        return
    for planned in (True, False):
        for hold in (True, False):
            _failover(planned, hold, rows)
    print("first boot of three brokers ...", flush=True)
    rows.append(("RabbitMQ: boot of 3 nodes to one cluster", f"{_formed():.1f} s", "", ""))


def _failover(planned: bool, hold: bool, rows: list[Row]) -> None:
    """Eight clients write; the floor of their wait is the outage itself."""
    kind = "planned" if planned else f"kill -9, promoted {OUTAGE:g} s later"
    what = f"PgBouncer, {kind}, {'hold' if hold else 'no hold'}"
    print(f"{what} ...", flush=True)
    with failover_world(hold) as world, world.writers() as writers:
        eventually(lambda: len(writers.commits) > 2000, 60)
        found = world.planned(writers, hold) if planned else world.unplanned(writers, OUTAGE)
    rows.append((f"{what}: snapshot to first commit", f"{found.caught_up:.2f} s", "", ""))
    floor = ("", "") if planned else (f"{OUTAGE:.2f} s", f"{found.stall / OUTAGE:.2f}")
    rows.append((f"{what}: longest wait of a client", f"{found.stall:.2f} s", *floor))
    rows.append((f"{what}: errors of clients", str(found.errors), "", ""))


def _formed() -> float:
    """Seconds from the start of three brokers, of which each has its file, to one cluster."""
    members = [
        node(f"10.0.0.{number}:5672", host=name, erlang_node=f"{name}@localhost")
        for number, name in enumerate(BROKERS, 1)
    ]
    with brokers(*BROKERS) as world:
        for broker in world.nodes.values():
            made = RabbitmqPeers()
            made.apply_config(broker.settings)
            made.sync_file([cluster("events", *members, config={})])
        began = time.monotonic()
        for broker in world.nodes.values():
            broker.start()
        for broker in world.nodes.values():
            broker.up(240)
        world["r1"].sees(*BROKERS)
        return time.monotonic() - began
