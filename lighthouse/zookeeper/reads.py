"""What is asked about clusters, and that nobody hears an answer that has come too late."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, SessionExpiredError
from kazoo.protocol.serialization import GetChildren

from lighthouse.zookeeper.cluster import KnownCluster
from lighthouse.zookeeper.protocol.requests import MultiRead
from lighthouse.zookeeper.session import ZooKeeperSession
from lighthouse.zookeeper.watch_events import WatchEvents

TOGETHER: Final = 100
"""Znodes that are read with one request."""

GONE: Final = (ConnectionLoss, ConnectionClosedError, SessionExpiredError)
"""Errors that say nothing but that all is to be asked again, once there is a connection."""

Told = Callable[[KnownCluster, Any, Exception | None], None]


class Reads:
    """Lists and reads the clusters that are followed through the current connection.

    ``round`` is its number. ``touched`` are the clusters of which something was heard.
    """

    def __init__(self, session: ZooKeeperSession, events: WatchEvents) -> None:
        self.session: Final = session
        self.events: Final = events
        self.clusters: Final[dict[str, KnownCluster]] = {}
        self.touched: dict[KnownCluster, None] = {}
        self.round = 0
        self.lists = 0

    def current(self, cluster: KnownCluster) -> bool:
        """Return True if the cluster is still followed."""
        return self.clusters.get(cluster.name) is cluster

    def touch(self, cluster: KnownCluster) -> None:
        """Something was heard of the cluster."""
        if self.current(cluster):
            self.touched[cluster] = None

    def ask(self, cluster: KnownCluster, request: Any, told: Told) -> None:
        """Ask about a cluster; nobody is told if it or the connection is another by then."""
        number = self.round

        def answered(found: Any, error: Exception | None) -> None:
            if number == self.round and self.current(cluster) and not isinstance(error, GONE):
                told(cluster, found, error)

        self.session.ask(request, answered)

    def list(self, cluster: KnownCluster, told: Told) -> None:
        """Ask for the names of the cluster's children; an answer that is in doubt is not told."""
        self.lists += 1
        begun = cluster.begun

        def listed(cluster: KnownCluster, found: Any, error: Exception | None) -> None:
            if begun == cluster.begun:
                told(cluster, found, error)

        self.ask(cluster, GetChildren(cluster.path, None), listed)

    def read(self, cluster: KnownCluster, names: Sequence[str], told: Told) -> None:
        """Read these children, and tell when each hundred of them has been taken."""
        for first in range(0, len(names), TOGETHER):
            self._read(cluster, names[first : first + TOGETHER], told)

    def _read(self, cluster: KnownCluster, names: Sequence[str], told: Told) -> None:
        cluster.asked(names)
        self.events.reads += len(names)

        def answered(cluster: KnownCluster, found: Any, error: Exception | None) -> None:
            for name, one in zip(names, found or (), strict=error is None):
                if cluster.answered(name, one):
                    self.events.read(cluster, name)
            self.touch(cluster)
            told(cluster, found, error)

        self.ask(cluster, MultiRead(tuple([f"{cluster.path}/{name}" for name in names])), answered)
