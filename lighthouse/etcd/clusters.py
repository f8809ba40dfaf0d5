"""The keyspace as several threads use it, and the readings that come of it.

Readings are reported under the lock, so that the last one reported is the newest.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Final

from lighthouse.discovery import OnReading
from lighthouse.etcd.client import EtcdClient
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.keyspace import Decode, Keyspace, KeyState, LastChanges
from lighthouse.etcd.protocol import Event, KeyValue


class Clusters:
    """All that is below the path; reports those clusters that are watched."""

    def __init__(
        self, prefix: bytes, decode: Decode, on_reading: OnReading, counts: EtcdCounts
    ) -> None:
        self._prefix: Final = prefix
        self._on_reading: Final = on_reading
        self._counts: Final = counts
        self._lock: Final = threading.Lock()
        self._keyspace: Final = Keyspace(prefix, decode)
        self._watched: set[str] = set()

    @property
    def loaded(self) -> bool:
        return self._keyspace.loaded

    @property
    def revision(self) -> int:
        """How far the changes were followed; the watch goes on after it."""
        return self._keyspace.revision

    def watch(self, cluster: str) -> None:
        """Report the cluster now, if anything is known, and whenever it changes."""
        with self._lock:
            self._watched.add(cluster)
            if self._keyspace.loaded:
                self._on_reading(cluster, self._keyspace.reading(cluster))

    def unwatch(self, cluster: str) -> None:
        with self._lock:
            self._watched.discard(cluster)
            self._keyspace.forget(cluster)

    def get(self, key: bytes) -> KeyState | None:
        with self._lock:
            return self._keyspace.get(key)

    def load(self, client: EtcdClient) -> None:
        """Read everything, and report what is watched."""
        kvs: list[KeyValue] = []
        revision = 0
        for page in client.pages(self._prefix):
            revision = revision or page.header.revision
            kvs += page.kvs
        with self._lock:
            self._keyspace.load(kvs, revision)
            watched = sorted(self._watched)
        for cluster in watched:
            with self._lock:
                if cluster in self._watched:
                    self._on_reading(cluster, self._keyspace.reading(cluster))

    def apply(self, events: Iterable[Event], revision: int | None) -> None:
        """Take events, and report; all up to ``revision`` is known then, if one is given."""
        with self._lock:
            for cluster in self._keyspace.apply(events) & self._watched:
                self._on_reading(cluster, self._keyspace.reading(cluster))
            if revision is not None:
                self._keyspace.revision = max(self._keyspace.revision, revision)

    def refresh(self, client: EtcdClient, cluster: str) -> None:
        """Read one cluster past what is known, and report it."""
        with self._lock:
            journal = self._keyspace.begin()
        try:
            pages = list(client.pages(self._prefix + cluster.encode() + b"/"))
            with self._lock:
                kvs = [kv for page in pages for kv in page.kvs]
                self._keyspace.merge(cluster, kvs, pages[0].header.revision, journal)
                if cluster in self._watched:
                    self._on_reading(cluster, self._keyspace.reading(cluster))
        finally:
            with self._lock:
                self._keyspace.end(journal)

    def audit(self, client: EtcdClient, settled: float, meanwhile: Callable[[], None]) -> bool:
        """Return True if all that etcd holds is known, by the last change of each key.

        What differs is looked at once more after ``settled`` seconds, for it may have been on
        its way. If nothing differs, all up to the revision of the read is known to be known.
        ``meanwhile`` is called after each page.
        """
        with self._lock:
            journal = self._keyspace.begin()
        try:
            found: LastChanges = {}
            revision = 0
            for page in client.pages(self._prefix, keys_only=True):
                revision = revision or page.header.revision
                self._keyspace.sort(page.kvs, found)
                meanwhile()
            self._counts.add("audits")
            if self._differs(found, journal):
                threading.Event().wait(settled)
                return not self._differs(found, journal)
            with self._lock:
                if not journal:
                    self._keyspace.revision = max(self._keyspace.revision, revision)
            return True
        finally:
            with self._lock:
                self._keyspace.end(journal)

    def _differs(self, found: LastChanges, journal: set[bytes]) -> bool:
        with self._lock:
            return self._keyspace.differs(found, journal)

    def figures(self) -> dict[str, int]:
        with self._lock:
            keyspace = self._keyspace
            return {
                "revision": keyspace.revision,
                "keys": keyspace.keys,
                "clusters": len(self._watched),
                "refused": keyspace.refused,
            }
