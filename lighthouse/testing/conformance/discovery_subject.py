"""What an author tells the suite of a discovery, and how the suite drives it."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from lighthouse.discovery import Reading
from lighthouse.ipc.messages import Connected, Observed
from lighthouse.ipc.snapshot import DiscoverySnapshot, PluginSettings, WatchedCluster
from lighthouse.node import Node
from lighthouse.service import Service
from lighthouse.testing.conformance.plugin import Config, PluginConformance
from lighthouse.testing.hosted import PluginHost, PluginWorker
from lighthouse.testing.values import node


class DiscoverySubject(PluginConformance):
    """The attributes and methods that a subclass of ``DiscoveryConformance`` may give."""

    kind: ClassVar[str] = "discovery"

    patience: ClassVar[float] = 20.0
    """Seconds within which a change in the source is read."""

    outage: ClassVar[float] = 1.0
    """Seconds for which the source is away."""

    def config(self, directory: Path) -> Config:
        """A good content of the plugin's YAML file."""
        raise NotImplementedError

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        """Wrong contents, each by the place that the refusal has to name."""
        raise NotImplementedError

    def put(self, directory: Path, cluster: str, *nodes: Node) -> None:
        """Have the source say that these are the nodes of the cluster, as others write them."""
        raise NotImplementedError

    def spoil(self, directory: Path, cluster: str) -> None:
        """Put beside the cluster's nodes what is no node: garbage, a port that is none."""
        raise NotImplementedError

    def interrupt(self, directory: Path) -> None:
        """Have the source answer no more."""
        raise NotImplementedError

    def resume(self, directory: Path) -> None:
        """Have it answer again, with what it said before."""
        raise NotImplementedError

    def standing(self, directory: Path, cluster: str) -> Collection[str]:
        """The places (``10.0.0.1:80``) of all nodes of a cluster that stand in the source."""
        raise NotImplementedError

    def forget(self, directory: Path) -> None:
        """Have the source forget what was registered with it: end its sessions, say."""
        raise NotImplementedError

    # what the suite works with

    def gives(self, method: str) -> bool:
        """Return True if the author has given this method."""
        return getattr(type(self), method) is not getattr(DiscoverySubject, method)

    def watching(self, host: PluginHost, *clusters: str) -> "DiscoveryWorker":
        """A worker that watches clusters; any former one is ended."""
        worker = DiscoveryWorker(host.worker(), self.config(host.directory), self.patience)
        worker.want(watch=clusters)
        return worker


TWO: Final = (node("10.0.0.1:8001", host="a"), node("10.0.0.2:8002", host="b"))
THREE: Final = (*TWO[1:], node("10.0.0.3:8003", host="c"), node("10.0.0.4:8004", host="d"))


def places(nodes: Collection[Node]) -> set[str]:
    """Where they are."""
    return {each.place for each in nodes}


class DiscoveryWorker:
    """A worker of the discovery, told what the supervisor tells one."""

    def __init__(self, worker: PluginWorker, config: Config, patience: float) -> None:
        self.worker: Final = worker
        self.settings: Final = PluginSettings(config)
        self._patience: Final = patience

    def want(
        self,
        watch: Collection[str] = (),
        up: Collection[Service] = (),
        down: Collection[Service] = (),
        reread: int = 0,
    ) -> None:
        """Have it watch exactly these clusters and keep these services registered."""
        watched = tuple(WatchedCluster(cluster, reread) for cluster in watch)
        self.worker.deliver(DiscoverySnapshot(self.settings, watched, tuple(up), tuple(down)))

    def reads(self, cluster: str, nodes: Collection[Node], where: str = "") -> Reading:
        """The next reading with exactly these nodes; fails if there is none in time."""
        wanted = places(nodes)
        try:
            found = self.worker.reading(
                cluster, lambda reading: places(reading.nodes) == wanted, self._patience
            )[1]
        except AssertionError as error:
            last = [sorted(places(one.nodes)) for one in self.worker.readings(cluster)]
            raise AssertionError(
                f"{where}no reading of {cluster} with {sorted(wanted)} within {self._patience:g} "
                f"s; read instead: {last}\n{error}"
            ) from None
        return found

    def says(self, state: str, why: str, where: Callable[[Any], Any] = lambda _: True) -> None:
        """Wait until it says that its source is in that state."""
        try:
            self.worker.expect(Connected, lambda said: said.state == state, self._patience)
        except AssertionError as error:
            raise AssertionError(
                f"on_connection({state!r}) was not called {why}; the states are connected, "
                f"suspended and lost\n{error}"
            ) from None

    def observed(self) -> list[Observed]:
        """The readings that nobody expected yet."""
        return self.worker.received(Observed)
