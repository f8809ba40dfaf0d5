"""A fleet of clusters x nodes, a server that answers at once, and the probe's clock."""

import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from lighthouse.haproxy.runtime.process import find_binary
from tests.bench.source import Files
from tests.coordination import Record, Source
from tests.fleet import Fleet, running
from tests.ports import free_port
from tests.waiting import eventually

PROBE = "probe"
Row = tuple[str, str, str, str]
"""What was measured, ours, the floor's, and the ratio."""


class Rig:
    """A running Lighthouse with ``clusters`` of ``nodes`` each, and one empty probe cluster."""

    def __init__(
        self, fleet: Fleet, source: Source, clusters: int, nodes: int, answering: int
    ) -> None:
        self.fleet = fleet
        self.source = source
        self.clusters = clusters
        self.nodes = nodes
        self.answering = answering
        self._number = 0
        fleet.discover(source.name, source.config)
        for c in range(clusters):
            fleet.cluster(f"c{c}", haproxy={"backend": ["mode http"]})
            source.load(f"c{c}", {f"n{n}": _record(c, n) for n in range(nodes)})
        self.port = fleet.cluster(PROBE, shrink_guard=False)
        source.load(PROBE, {})

    def start(self) -> float:
        """Seconds from the daemon's start until HAProxy has every node of every cluster."""
        begun = time.monotonic()
        self.fleet.start()
        eventually(self.complete, 120, "every node served")
        return time.monotonic() - begun

    def complete(self) -> bool:
        """Whether HAProxy has every node of every cluster."""
        lines = self.fleet.command("show servers state").splitlines()[2:]
        return len([line for line in lines if line]) >= self.clusters * self.nodes

    def change(self) -> float:
        """Seconds from a node file's appearance until HAProxy serves a request from it."""
        self._number += 1
        name = f"p{self._number}"
        begun = time.perf_counter()
        self.put(name)
        while not self.served():
            if time.perf_counter() - begun > 30:
                raise TimeoutError("the node is not served")
        took = time.perf_counter() - begun
        self.source.remove(PROBE, name)
        eventually(lambda: not self.served(), 30, "the node is gone")
        time.sleep(random.uniform(0.01, 0.05))
        return took

    def put(self, name: str, ip: str = "127.0.0.1") -> None:
        """A node of the probe cluster, as another host would write it."""
        self.source.put(PROBE, name, {"host": name, "ip": ip, "port": self.answering})

    def stand(self) -> None:
        """Give the probe cluster two nodes that stay, so that a load has somebody to ask."""
        for n in range(2):
            self.put(f"standing{n}", f"127.0.0.{n + 2}")
        eventually(lambda: len(self.fleet.serving(PROBE)) == 2, 30)

    def appear(self) -> float:
        """Seconds from a node file's appearance until HAProxy says that it serves the node.

        Asked over a connection of its own each time, in rounds of a fraction of a millisecond.
        """
        self._number += 1
        name = f"p{self._number}"
        ip = f"127.8.{self._number // 250 % 250}.{self._number % 250 + 1}"
        begun = time.perf_counter()
        self.put(name, ip)
        while (ip, self.answering) not in self.fleet.serving(PROBE):
            if time.perf_counter() - begun > 30:
                raise TimeoutError("the node is not served")
        took = time.perf_counter() - begun
        self.source.remove(PROBE, name)
        eventually(lambda: (ip, self.answering) not in self.fleet.serving(PROBE), 30)
        time.sleep(random.uniform(0.01, 0.05))
        return took

    def missing(self) -> int:
        """Nodes that HAProxy does not serve, and servers that it serves beyond them."""
        wrong = 0
        for cluster in (*(f"c{c}" for c in range(self.clusters)), PROBE):
            records = self.source.records(cluster)
            wanted = {(record["ip"], record["port"]) for record in records}
            wrong += len(wanted ^ self.fleet.serving(cluster))
        return wrong

    def served(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return sock.recv(64).startswith(b"HTTP/1.1 200")

    @contextmanager
    def floor(self) -> Iterator[None]:
        """The bare process in Lighthouse's place, on the same HAProxy."""
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.bench.floor",
                str(self.fleet.socket),
                PROBE,
                *self.source.bare,
            ],
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield
            finally:
                process.terminate()

    def processes(self) -> list[psutil.Process]:
        """The supervisor and its workers, without the HAProxy that they started."""
        assert self.fleet.daemon is not None
        supervisor = psutil.Process(self.fleet.daemon.pid)
        found = [supervisor, *supervisor.children(recursive=True)]
        return [process for process in found if not process.name().startswith("haproxy")]

    def cpu(self) -> float:
        """Seconds of CPU that Lighthouse has used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())


@contextmanager
def rig(root: Path, clusters: int, nodes: int, source: Source | None = None) -> Iterator[Rig]:
    """A rig whose daemon is not started yet; its nodes are files unless it is told better."""
    root.mkdir()
    port = free_port()
    config = root / "answering.cfg"
    config.write_text(
        "defaults\n mode http\n timeout connect 1s\n timeout client 9s\n timeout server 9s\n"
        f"frontend f\n bind 0.0.0.0:{port} interface lo\n http-request return status 200\n"
    )
    with running(root / "fleet") as fleet:
        answering = subprocess.Popen([binary(), "-db", "-f", str(config)])
        try:
            yield Rig(fleet, source or Files(fleet.nodes), clusters, nodes, port)
        except AssertionError:
            print(fleet.log.read_text()[-4000:])
            raise
        finally:
            answering.terminate()
            answering.wait()


def _record(cluster: int, node: int) -> Record:
    ip = f"127.{1 + cluster // 200}.{cluster % 200}.{node + 1}"
    return {"host": f"host{node}", "ip": ip, "port": 8000}


def binary() -> str:
    """The HAProxy that Lighthouse itself would use."""
    return str(find_binary(None))


def percentile(samples: list[float], share: float) -> float:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(samples: list[float]) -> float:
    return statistics.median(samples)
