"""Hundreds of changes and dozens of reloads under ``wrk``: nothing fails, nothing is lost.

``LIGHTHOUSE_CHANGES=1000 LIGHTHOUSE_RELOADS=60`` runs what the design asks for, ``-s`` shows
the figures; without them the suite has a shorter run of the same.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from tests.ports import free_ports
from tests.software.haproxy_traffic import (
    Answering,
    Long,
    Wrk,
    drive,
    filed_servers,
    old_workers,
    running_servers,
    wanted_servers,
)
from tests.software.haproxy_world import EACH_BINARY, World, cluster, new_world, node

CHANGES = int(os.environ.get("LIGHTHOUSE_CHANGES", "200"))
RELOADS = int(os.environ.get("LIGHTHOUSE_RELOADS", "5"))
CLUSTERS, NODES, BURST = 500, 20, 500

pytestmark = [
    pytest.mark.needs("wrk"),
    pytest.mark.timeout(600),
]


@pytest.fixture(params=EACH_BINARY)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with new_world(request.param) as found:
        found.extra = {"global": ["nbthread 2", "maxconn 2000"]}
        yield found


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    with Answering(tmp_path) as found:
        yield found


class Fleet:
    """The clusters, of which one node after the other comes, leaves or changes its weight."""

    def __init__(self, port: int, answering: int) -> None:
        self._answering = answering
        self._chance = random.Random(2016)
        self._number = 0
        self.clusters = [
            # most of them serve nobody; the first, which has the traffic, changes as often
            cluster(f"c{c:03}", port if c == 0 else None, self._nodes(c), backend=["mode http"])
            for c in range(CLUSTERS)
        ]

    def change(self) -> list[Cluster]:
        """All clusters, with a single change of one of them."""
        index = self._chance.choice((0, self._chance.randrange(CLUSTERS)))
        former = self.clusters[index]
        nodes = list(former.nodes)
        kind = self._chance.choice(("come", "leave", "weight"))
        if kind == "come" or len(nodes) < NODES // 2:
            nodes.append(self._node(index))
        elif kind == "leave":
            nodes.pop(self._chance.randrange(len(nodes)))
        else:
            place = self._chance.randrange(len(nodes))
            one = nodes[place]
            nodes[place] = Node(one.host, one.ip, one.port, one.weight % 5 + 1)
        nodes.sort(key=lambda n: n.key)
        self.clusters = list(self.clusters)
        self.clusters[index] = Cluster(former.name, list(nodes), config=former.config)
        return self.clusters

    def _nodes(self, index: int) -> list[Node]:
        return [self._node(index) for _ in range(NODES)]

    def _node(self, index: int) -> Node:
        self._number += 1
        n = self._number
        ip = f"127.{1 + n // 60000}.{n // 250 % 240}.{n % 250 + 1}"
        return Node(host=f"h{index}", ip=ip, port=self._answering)


def weights(text: str) -> dict[str, int]:
    """The weight of each server that takes traffic, by backend and name."""
    rows = [row.split() for row in text.splitlines()[2:] if row.strip()]
    return {f"{r[1]}/{r[3]}": int(r[7]) for r in rows if not int(r[6]) & 0x23}


def filed_weights(text: str) -> dict[str, int]:
    found, backend = {}, ""
    for line in text.splitlines():
        words = line.split()
        if line.startswith("backend "):
            backend = words[1]
        elif line.startswith("    server ") and words[-1] != "disabled":
            found[f"{backend}/{words[1]}"] = int(words[words.index("weight") + 1])
    return found


@pytest.mark.slow
def test_changes_and_a_burst_of_them(world: World, answering: Answering) -> None:
    (port,) = free_ports(1)
    fleet = Fleet(port, answering.port)
    assert world.sync(*fleet.clusters).kind == "applied"
    worker = world.worker
    took = []
    with Wrk(port) as wrk:
        for _ in range(CHANGES):
            clusters = fleet.change()
            begun = time.perf_counter()
            outcome = world.plugin.sync_file(clusters)
            took.append(time.perf_counter() - begun)
            assert outcome.kind in ("applied", "unchanged"), outcome
            world.wake(0.001)
        begun = time.monotonic()
        for number in range(BURST):
            assert world.plugin.sync_file(fleet.change()).kind in ("applied", "unchanged")
            while (left := begun + 5 * number / BURST - time.monotonic()) > 0:
                world.wake(left)
        burst = time.monotonic() - begun
        world.clusters = fleet.clusters
        wanted = wanted_servers(world)
        assert running_servers(world) == wanted, "every change has arrived"
        drive(world, lambda: filed_servers(world.text) == wanted, 30)
    states = world.ask("show", "servers", "state")
    assert weights(states) == filed_weights(world.text)
    status = world.plugin.status()
    took.sort()
    print(
        f"\n{world.binary}: {CHANGES} changes, p50 {took[len(took) // 2] * 1000:.2f} ms,"
        f" p99 {took[len(took) * 99 // 100] * 1000:.2f} ms; {BURST} in {burst:.1f} s;"
        f" {wrk.requests} requests, failures {wrk.failures}, reloads {status['reloads']},"
        f" drift {status['drift_repaired']}"
    )
    assert wrk.failures == []
    assert wrk.requests > CHANGES
    assert world.worker == worker
    assert (status["reloads"], status["drift_repaired"]) == (0, 0)


@pytest.mark.slow
def test_forced_reloads(world: World, answering: Answering) -> None:
    http, tcp, slow, *spare = free_ports(5)
    long = Long()
    world.extra |= {"reload_interval": 1, "reloads_per_hour": 1000}
    lines = {"frontend": ["mode tcp"], "backend": ["mode tcp"]}

    def clusters(number: int) -> list[Cluster]:
        nodes = [Node("a", f"127.0.0.{n}", answering.port) for n in range(1, 5)]
        return [
            cluster("web", http, nodes),
            cluster("slow", slow, [node(long.slow)]),
            cluster("echo", tcp, [node(long.echo)], **lines),
            cluster("x", spare[0], nodes, backend=[f"timeout queue {number % 2 + 1}s"]),
        ]

    assert world.sync(*clusters(0)).kind == "applied"
    begun, most = time.monotonic(), 0
    try:
        with Wrk(http) as wrk:
            long.open(slow, tcp)
            for number in range(1, RELOADS + 1):
                world.sync(*clusters(number))
                drive(world, lambda n=number: world.plugin.status()["reloads"] == n, 30)
                if number == RELOADS // 2:
                    long.open(slow, tcp)
                most = max(most, len(list(old_workers(world))))
            took = time.monotonic() - begun
            long.finish()
        drive(world, lambda: not old_workers(world), 30)
    finally:
        long.close()
    print(
        f"\n{world.binary}: {RELOADS} reloads in {took:.0f} s; {wrk.requests} requests,"
        f" failures {wrk.failures}; {long.finished} long sessions finished"
        f" ({long.exchanges} exchanges), failures {long.failures}; at most {most} old workers"
    )
    assert (wrk.failures, long.failures) == ([], [])
    assert long.finished == 12
    assert most <= 5
    assert wrk.requests > RELOADS
    assert world.plugin.status()["reloads"] == RELOADS
