"""The plugin in the test's own thread, entered just as the worker's loop enters it."""

import contextlib
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from kazoo.client import KazooClient

from lighthouse.discovery import Reading
from lighthouse.node import Node
from lighthouse.service import Service
from lighthouse.zookeeper.discovery import ZooKeeper
from lighthouse.zookeeper.source import ZooKeeperSource

LONGEST: Final = 0.05


class Driver:
    """One plugin, connected; ``readings`` and ``states`` are all that it ever reported."""

    def __init__(self, **config: Any) -> None:
        self.plugin: Final = ZooKeeper()
        self.readings: Final[list[tuple[str, Reading]]] = []
        self.states: Final[list[tuple[str, str]]] = []
        assert self.plugin.validate_dependencies()
        self.plugin.validate_config(config)
        self.plugin.apply_config(config)
        self.plugin.connect(
            lambda cluster, reading: self.readings.append((cluster, reading)),
            lambda state, reason="": self.states.append((state, reason)),
        )

    @property
    def source(self) -> ZooKeeperSource:
        assert self.plugin._link is not None
        return self.plugin._link.source

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.plugin.status())

    @property
    def client_id(self) -> tuple[int, bytes]:
        """What takes the plugin's session over."""
        client = self.source.session._client
        assert client is not None
        assert client.client_id is not None
        found: tuple[int, bytes] = client.client_id
        return found

    def watch(self, *clusters: str) -> "Driver":
        """Follow these clusters, and wait for the first reading of each."""
        for cluster in clusters:
            self.plugin.start_watching(cluster)
        self.until(lambda: {name for name, _ in self.readings} >= set(clusters), "readings")
        return self

    def connected(self) -> "Driver":
        self.until(lambda: self.state == "connected", "connected")
        return self

    @property
    def state(self) -> str:
        return self.states[-1][0] if self.states else ""

    @property
    def reason(self) -> str:
        return self.states[-1][1] if self.states else ""

    def reading(self, cluster: str) -> Reading:
        """The last reading of a cluster."""
        found = [reading for name, reading in self.readings if name == cluster]
        assert found, f"no reading of {cluster}"
        return found[-1]

    def nodes(self, cluster: str) -> set[str]:
        """The names of a cluster's nodes by its last reading, none if there is no reading."""
        found = [reading for name, reading in self.readings if name == cluster]
        return {node.name for node in found[-1].nodes} if found else set()

    def turn(self, seconds: float = LONGEST) -> None:
        """One turn of the loop, waiting so long at most."""
        due = self.plugin.wake_after()
        waits = seconds if due is None else min(due, seconds)
        descriptor = self.plugin.fileno()
        assert descriptor is not None
        select.select([descriptor], [], [], waits)
        self.plugin.wake()

    def until(self, condition: Callable[[], Any], what: str = "", within: float = 40.0) -> None:
        """Let the loop turn until the condition holds; fails when the time is over."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.states} {self.status}"
            self.turn()

    def turns(self, seconds: float) -> None:
        """Let the loop turn for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.turn()

    def during(self, work: Callable[[], object], within: float = 60.0) -> None:
        """Let the loop turn while something else is done in a thread of its own."""
        failures: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)
                raise

        thread = threading.Thread(target=run)
        thread.start()
        self.until(lambda: not thread.is_alive(), "the work", within)
        assert not failures, failures

    def up(self, service: Service) -> None:
        """Register a service, as often as the worker would try."""

        def registered() -> bool:
            try:
                self.plugin.report_up(service)
            except OSError:
                return False
            return True

        self.until(registered, f"{service} registered")


@contextlib.contextmanager
def driving(**config: Any) -> Iterator[Driver]:
    """A driver whose connection ends with the block, and with it all that it registered."""
    driver = Driver(**config)
    try:
        yield driver
    finally:
        link = driver.plugin._link
        if link is not None:
            link.source.session.close(keep=False)
        driver.plugin.disconnect()


def service(name: str, host: str = "me", port: int = 80, **fields: Any) -> Service:
    return Service(name, port, Node(host, "10.0.0.9", port, **fields))


def record(ip: str, port: int = 80, **more: str) -> bytes:
    """A znode of the 2016 lighthouse."""
    fields = "".join(f', "{key}": {value}' for key, value in more.items())
    return f'{{"host": "h", "ip": "{ip}", "port": {port}{fields}}}'.encode()


def fill(client: KazooClient, path: str, count: int, first: int = 0) -> list[str]:
    """So many nodes below a path, made at once; their names."""
    names = [f"h{number}:80" for number in range(first, first + count)]
    client.ensure_path(path)
    change = client.transaction()
    for number, name in enumerate(names, first):
        data = f'{{"host":"h{number}","ip":"10.1.{number // 250}.{number % 250 + 1}","port":80}}'
        change.create(f"{path}/{name}", data.encode())
    failed = [one for one in change.commit() if isinstance(one, Exception)]
    assert not failed, failed
    return names
