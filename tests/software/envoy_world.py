"""The ``envoy`` balancer in this process, driven as a worker's loop drives it."""

import contextlib
import select
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.envoy.balancer import Envoy
from lighthouse.envoy.runtime import process
from lighthouse.envoy.runtime.admin import AdminSocket
from lighthouse.envoy.schema.settings import EnvoySettings, parse_settings
from lighthouse.node import Node
from lighthouse.process.ending import known
from tests.fleet import get
from tests.ports import free_port
from tests.waiting import eventually


class Mesh:
    """An Envoy of its own directory. ``clusters`` are served by ``sync``; ``ports`` are theirs."""

    def __init__(self, directory: Path | None = None, **settings: Any) -> None:
        self.own = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="lh-"))
        self.config = {"directory": str(self.directory), "drain_time": 1, **settings}
        self.clusters: dict[str, Cluster] = {}
        self.ports: dict[str, int] = {}
        self.again()

    @property
    def settings(self) -> EnvoySettings:
        return parse_settings(self.config)

    @property
    def pid(self) -> int:
        return AdminSocket(self.settings.admin).info().pid

    @property
    def pids(self) -> set[int]:
        return set(process.running(self.settings))

    def again(self, **settings: Any) -> None:
        """A new plugin, as after the death of the worker, perhaps with other settings."""
        self.config |= settings
        self.plugin = Envoy()
        self.plugin.validate_config(self.config)
        self.plugin.apply_config(self.config)

    def cluster(self, name: str, *nodes: Node, known: bool = True, **section: Any) -> int:
        """Want a cluster; the port that it is served at."""
        port = self.ports.setdefault(name, free_port())
        config = {"port": port, **section}
        self.plugin.validate_cluster_config(config)
        self.clusters[name] = Cluster(name, [*nodes], config, known)
        return port

    def sync(self) -> Outcome:
        return self.plugin.sync_file([self.clusters[name] for name in sorted(self.clusters)])

    def forget(self) -> Outcome:
        """Want no cluster at all."""
        self.clusters.clear()
        return self.sync()

    def until(self, condition: Callable[[], Any], within: float = 15.0) -> None:
        """Run the plugin's timers until something holds."""

        def holds() -> Any:
            descriptor, after = self.plugin.fileno(), self.plugin.wake_after()
            waits = 0.02 if after is None else min(0.02, after)
            ready = select.select([descriptor] if descriptor is not None else [], [], [], waits)
            if ready[0] or after == 0.0 or self.plugin.wake_after() == 0.0:
                self.plugin.wake()
            return condition()

        eventually(holds, within)

    def close(self) -> None:
        self.plugin.close()
        put_down(self.settings)
        if self.own:
            shutil.rmtree(self.directory, ignore_errors=True)


def put_down(settings: EnvoySettings) -> None:
    """End the Envoys of a directory, and remove what they leave in shared memory."""
    for number in process.running(settings):
        known.end(number, signal.SIGKILL)
    eventually(lambda: not process.running(settings))
    Path(f"/dev/shm/envoy_shared_memory_{process.base_id(settings) * 10}").unlink(missing_ok=True)


@contextlib.contextmanager
def mesh(directory: Path | None = None, **settings: Any) -> Iterator[Mesh]:
    made = Mesh(directory, **settings)
    try:
        yield made
    finally:
        made.close()


def answers(port: int, *names: str) -> None:
    """Wait until a port is served by exactly these backends."""

    def look() -> bool:
        found = {get(port) for _ in range(2 * len(names) + 2)}
        return found == {(200, name) for name in names}

    eventually(look)
