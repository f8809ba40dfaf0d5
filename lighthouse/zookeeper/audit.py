"""Finds out what no event told: after a reconnect, and now and then all the time."""

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from lighthouse.process.timing.timers import Timers
from lighthouse.zookeeper.cluster import KnownCluster
from lighthouse.zookeeper.reads import TOGETHER, Reads

RATE: Final = 2000
"""Known children that are read over in a second."""

SAMPLE: Final = 10
"""Children whose data is looked at when a cluster is audited."""


class Audit:
    """Reads over what is known, no faster than the servers will hardly notice.

    ``found`` counts what an audit found that an event should have told. Such a cluster is
    followed anew.
    """

    def __init__(
        self,
        reads: Reads,
        timers: Timers,
        period: float,
        follow: Callable[[KnownCluster], None],
    ) -> None:
        self.audits = self.found = self.read_over = 0
        self._reads: Final = reads
        self._timers: Final = timers
        self._period: Final = period
        self._follow: Final = follow
        self._waiting: deque[tuple[KnownCluster, list[str], bool]] = deque()
        self._busy = False
        self._unaudited: list[str] = []

    def open(self) -> None:
        """Begin to audit."""
        self._timers.set("audit", time.monotonic() + self._period, self._audit)

    def forget(self) -> None:
        """The connection is gone; everything will be listed and looked over again."""
        self._waiting.clear()

    def look_over(self, cluster: KnownCluster, names: list[str], audit: bool = False) -> None:
        """Read these children again, when it is their turn."""
        for first in range(0, len(names), TOGETHER):
            self._waiting.append((cluster, names[first : first + TOGETHER], audit))
        if not self._busy:
            self._busy = True
            self._go_on_after(random.random() / 2)

    def _go_on(self) -> None:
        self._busy = bool(self._waiting)
        if not self._busy:
            return
        cluster, names, audit = self._waiting.popleft()
        if self._reads.current(cluster) and self._reads.session.connected:
            self.read_over += len(names)
            self._reads.read(cluster, names, self._sampled if audit else _nothing)
        self._go_on_after(len(names) / RATE)

    def _go_on_after(self, seconds: float) -> None:
        self._timers.set("look over", time.monotonic() + seconds, self._go_on)

    def _audit(self) -> None:
        """Look at the next cluster; all of them have their turn within the period."""
        clusters = self._reads.clusters
        if not self._unaudited:
            self._unaudited = random.sample(list(clusters), len(clusters))
        pause = self._period / max(1, len(clusters))
        self._timers.set("audit", time.monotonic() + pause, self._audit)
        cluster = clusters.get(self._unaudited.pop()) if self._unaudited else None
        if cluster is not None and cluster.whole and self._reads.session.connected:
            self.audits += 1
            self._reads.list(cluster, self._listed)

    def _listed(self, cluster: KnownCluster, found: Any, error: Exception | None) -> None:
        if error is not None or not cluster.whole:
            return
        known = cluster.names
        new = cluster.listed(found)
        self._reads.read(cluster, new, _nothing)
        self._reads.touch(cluster)
        if new or len(cluster.names) < len(known):
            self._repair(cluster)
        else:
            self.look_over(cluster, random.sample(known, min(SAMPLE, len(known))), audit=True)

    def _sampled(self, cluster: KnownCluster, _found: Any, _error: Exception | None) -> None:
        if cluster.changed:
            self._repair(cluster)

    def _repair(self, cluster: KnownCluster) -> None:
        """Follow it anew, then list it, then read all of it: so nothing is missed in between."""
        self.found += 1
        self._follow(cluster)
        self._reads.list(cluster, self._repaired)

    def _repaired(self, cluster: KnownCluster, found: Any, error: Exception | None) -> None:
        if error is None:
            self._reads.read(cluster, cluster.listed(found), _nothing)
            self._reads.touch(cluster)
            self.look_over(cluster, cluster.names)


def _nothing(_cluster: KnownCluster, _found: Any, _error: Exception | None) -> None:
    """What was read is taken already."""
