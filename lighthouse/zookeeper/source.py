"""The clusters of an ensemble, read, followed and reported.

A persistent watch on each cluster names the child that changed, which costs one read, or none
if it is deleted. After each reconnect every cluster is listed again; names that are new are
read at once, the rest is read over, slowly. Everything here runs in the worker's loop.
"""

import functools
import random
import time
from typing import Any, Final

from kazoo.exceptions import NoNodeError
from kazoo.protocol.serialization import Exists

from lighthouse.discovery import OnConnection, OnReading
from lighthouse.process.timing.timers import Timers
from lighthouse.record import decode
from lighthouse.zookeeper.audit import Audit
from lighthouse.zookeeper.base_znode import BaseZnode
from lighthouse.zookeeper.cluster import KnownCluster
from lighthouse.zookeeper.connection_report import ConnectionReport
from lighthouse.zookeeper.loop_calls import LoopCalls
from lighthouse.zookeeper.protocol.errors import denial
from lighthouse.zookeeper.protocol.requests import RECURSIVE, AddWatch, RemoveWatches
from lighthouse.zookeeper.reads import GONE, Reads
from lighthouse.zookeeper.session import ZooKeeperSession
from lighthouse.zookeeper.settings import ZooKeeperSettings
from lighthouse.zookeeper.watch_events import WatchEvents

SPREAD: Final = 0.5
"""Seconds over which clusters are listed after a reconnect; fewer than 250 take less."""

RETRY: Final = 2.0
"""Seconds until a cluster that could not be read is tried again."""

REGISTER: Final = 2.0
"""Seconds that a fleet has to register in an ensemble that was emptied, before its clusters
are what is found there."""

_SHOWN: Final = 10


class ZooKeeperSource:
    """Reads clusters through a session and reports them."""

    def __init__(
        self,
        settings: ZooKeeperSettings,
        session: ZooKeeperSession,
        calls: LoopCalls,
        timers: Timers,
        on_reading: OnReading,
        on_connection: OnConnection,
    ) -> None:
        self._settings: Final = settings
        self._timers: Final = timers
        self._on_reading: Final = on_reading
        self._decode: Final = functools.partial(
            decode, written=settings.format, options=settings.haproxy_server_options
        )
        self.session: Final = session
        self.events: Final = WatchEvents(settings.base, calls, session.send, self)
        self._reads: Final = Reads(session, self.events)
        self._base: Final = BaseZnode(settings.base, session, timers, self._on_base)
        self._report: Final = ConnectionReport(
            session, timers, self._trouble, self._base.is_sought, on_connection
        )
        self._audit: Final = Audit(self._reads, timers, settings.audit, self._follow)
        self._errors: dict[str, str] = {}
        self._orphans: set[str] = set()
        self._leaving: list[tuple[KnownCluster, str]] = []
        self._asked = False  # and the answer has not come

    def open(self) -> None:
        """Begin to look for what no event tells."""
        self._audit.open()

    def watch(self, name: str) -> None:
        """Read a cluster past everything that is known, report it, and follow it."""
        cluster = self._reads.clusters.get(name)
        if cluster is None:
            cluster = KnownCluster(name, self._settings.place(name), self._decode)
            self._reads.clusters[name] = self.events.followed[cluster.path] = cluster
        cluster.full = True
        cluster.begin()
        if self.session.connected:
            self._list(cluster)

    def unwatch(self, name: str) -> None:
        """Report nothing more about a cluster."""
        cluster = self._reads.clusters.pop(name, None)
        if cluster is None:
            return
        del self.events.followed[cluster.path]
        self._errors.pop(name, None)
        self._orphans.discard(name)
        self._reads.touched.pop(cluster, None)
        if self.session.connected:
            self.session.ask(RemoveWatches(cluster.path), _nothing)
        self._report.tell()

    def look_up(self) -> None:
        """Something was created; maybe the znode above all clusters was missing till then."""
        if self._base.missing:
            self._base.seek()

    def publish(self) -> None:
        """Report what is new, and see to what may be gone."""
        touched, self._reads.touched = self._reads.touched, {}
        for cluster in touched:
            if cluster.whole and cluster.changed:
                cluster.changed = False
                self._on_reading(cluster.name, cluster.reading())
        self._drop_deleted()

    def status(self) -> dict[str, Any]:
        counts = [cluster.counts() for cluster in self._reads.clusters.values()]
        return {
            "connection": self._report.told,
            **self.session.status(),
            "clusters": len(counts),
            "nodes": sum(nodes for nodes, _ in counts),
            "refused": sum(refused for _, refused in counts),
            "events": self.events.heard,
            "reads": self.events.reads,
            "lists": self._reads.lists,
            "read_over": self._audit.read_over,
            "audits": self._audit.audits,
            "audits_found": self._audit.found,
            "errors": dict(list(self._errors.items())[:_SHOWN]),
        }

    # What became of the connection:

    def connected(self, renewed: bool, rooted: bool) -> None:
        first = not self._reads.round
        self._reads.round += 1
        self._orphans.clear()
        self._audit.forget()
        self._report.say("connected", "")
        self._base.connected(rooted)
        clusters = list(self._reads.clusters.values())
        spread = 0.0 if first else min(SPREAD, 0.002 * len(clusters))
        for cluster in random.sample(clusters, len(clusters)):
            cluster.begin()
            if renewed:
                cluster.distrust()
            self._relist_after(random.random() * spread, cluster)

    def disconnected(self, lost: bool, reason: str) -> None:
        self.events.forget()
        self._leaving.clear()
        self._report.say("lost" if lost else "suspended", reason)

    # What the events found:

    def appeared(self) -> None:
        self.look_up()

    def deleted(self, cluster: KnownCluster, name: str) -> None:
        cluster.leave(name)
        if cluster.leaving(name):
            self._leaving.append((cluster, name))

    def read(self, cluster: KnownCluster, name: str, found: Any, error: Exception | None) -> None:
        if self._reads.current(cluster) and not isinstance(error, GONE):
            cluster.take(name, error or found)
            self._reads.touch(cluster)

    def _drop_deleted(self) -> None:
        """Drop deleted children once an answer has come that was asked for after the deletion.

        By then it is known what came in their place: a registration that a new session takes
        over is deleted and created at one moment, which arrives as two events; and a node that
        was created before another was deleted has been read. One question does for all that
        were deleted meanwhile.
        """
        if not self._leaving or self._asked or not self.session.connected:
            return
        leaving, self._leaving = self._leaving, []
        self._asked = True

        def passed(_found: Any, error: Exception | None) -> None:
            self._asked = False
            if not isinstance(error, GONE):
                for cluster, name in leaving:
                    self._leave(cluster, name)

        self.session.ask(Exists(self._base.path, None), passed)

    def _leave(self, cluster: KnownCluster, name: str) -> None:
        if not cluster.leaving(name):
            return
        if self.events.reading(f"{cluster.path}/{name}"):
            self._leaving.append((cluster, name))
            return
        cluster.drop(name)
        self._reads.touch(cluster)

    # Listing:

    def _relist_after(self, seconds: float, cluster: KnownCluster) -> None:
        again = functools.partial(self._relist, cluster)
        self._timers.set(("list", cluster.name), time.monotonic() + seconds, again)

    def _relist(self, cluster: KnownCluster) -> None:
        if self.session.connected and self._reads.current(cluster):
            self._list(cluster)

    def _list(self, cluster: KnownCluster) -> None:
        """Follow the cluster, then list it: in this order nothing is missed in between."""
        cluster.begin()
        self._follow(cluster)
        self._reads.list(cluster, self._listed)

    def _follow(self, cluster: KnownCluster) -> None:
        self._reads.ask(cluster, AddWatch(cluster.path, RECURSIVE), self._followed)

    def _followed(self, cluster: KnownCluster, _answer: Any, error: Exception | None) -> None:
        if error is not None:
            self._failed(cluster, error)

    def _listed(self, cluster: KnownCluster, found: Any, error: Exception | None) -> None:
        if isinstance(error, NoNodeError):
            if self._base.missing:
                self._orphans.add(cluster.name)
                return
            found = ()
        elif error is not None:
            self._failed(cluster, error)
            return
        self._errors.pop(cluster.name, None)
        self._report.tell()
        known, full = set(cluster.names), cluster.full
        self._reads.read(cluster, cluster.listed(found), self._done)
        if known and not full:
            self._audit.look_over(cluster, sorted(known & set(cluster.names)))
        self._reads.touch(cluster)

    def _done(self, cluster: KnownCluster, _found: Any, error: Exception | None) -> None:
        if error is not None:
            self._failed(cluster, error)

    def _failed(self, cluster: KnownCluster, error: Exception) -> None:
        self._errors[cluster.name] = denial(error, cluster.path, self._settings.user)
        self._relist_after(RETRY, cluster)
        self._report.tell()

    def _on_base(self) -> None:
        """Clusters are empty for want of their znode only where there is one above it."""
        if not self._base.missing:
            for name in self._orphans & self._reads.clusters.keys():
                cluster = self._reads.clusters[name]
                delay = REGISTER if cluster.names else 0.0
                self._relist_after(delay, cluster)
            self._orphans.clear()
        self._report.tell()

    # What to tell:

    def _trouble(self) -> str:
        """What keeps a connected source from being one."""
        if self._base.missing:
            where = self._base.path
            return f"{where} does not exist: is 'path' right? The first registration makes it"
        if self._errors and len(self._errors) == len(self._reads.clusters):
            return next(iter(self._errors.values()))
        return ""


def _nothing(_answer: Any, _error: Exception | None) -> None:
    """Whatever became of it, nothing follows."""
