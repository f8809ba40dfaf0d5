"""Turns events into reads, in the connection's thread, so that a change waits for no other."""

import functools
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from kazoo.exceptions import NoNodeError
from kazoo.protocol.connection import CHANGED_EVENT, CREATED_EVENT, DELETED_EVENT
from kazoo.protocol.serialization import GetData

from lighthouse.zookeeper.cluster import KnownCluster
from lighthouse.zookeeper.loop_calls import LoopCalls
from lighthouse.zookeeper.protocol.client import Done

Send = Callable[[Any, Done], None]


class Reader(Protocol):
    """Hears in the loop what the events found."""

    def appeared(self) -> None:
        """The znode above all clusters was created, or one of theirs."""

    def deleted(self, cluster: KnownCluster, name: str) -> None:
        """A child is gone, unless it is about to come back."""

    def read(self, cluster: KnownCluster, name: str, found: Any, error: Exception | None) -> None:
        """What is in a child now."""


class WatchEvents:
    """Knows which znodes are followed, and by whom.

    ``root`` is above all, ``followed`` are parents of nodes, ``owned`` single znodes with whom
    to tell, in the loop, that one is gone. ``heard`` counts events, ``reads`` what was asked for.
    """

    def __init__(self, root: str, calls: LoopCalls, send: Send, reader: Reader) -> None:
        self.heard = 0
        self.reads = 0
        self.followed: Final[dict[str, KnownCluster]] = {}
        self.owned: Final[dict[str, Callable[[str], None]]] = {}
        self._base: Final = root
        self._calls: Final = calls
        self._send: Final = send
        self._reader: Final = reader
        self._lock: Final = threading.Lock()
        self._pending: Final[dict[str, bool]] = {}  # path to: read it once more

    def on_event(self, kind: int, path: str) -> None:
        """In the connection's thread: a watch fired."""
        parent, _, name = path.rpartition("/")
        cluster = self.followed.get(parent)
        removed = self.owned.get(path)
        if removed is not None and kind == DELETED_EVENT:
            self._calls.post(removed, path)
        if cluster is None:
            if kind == CREATED_EVENT and (path == self._base or path in self.followed):
                self._calls.post(self._reader.appeared)
            return
        self.heard += 1
        if kind == DELETED_EVENT:
            with self._lock:
                if path in self._pending:
                    self._pending[path] = True
            self._calls.post(self._reader.deleted, cluster, name)
        elif kind in (CREATED_EVENT, CHANGED_EVENT):
            self.read(cluster, name)

    def read(self, cluster: KnownCluster, name: str) -> None:
        """Read a child; if that is under way, once more afterwards, for it may come too early."""
        path = f"{cluster.path}/{name}"
        with self._lock:
            if path in self._pending:
                self._pending[path] = True
                return
            self._pending[path] = False
        self.reads += 1
        self._send(GetData(path, None), functools.partial(self._answered, cluster, name, path))

    def reading(self, path: str) -> bool:
        """Return True if a child is being read."""
        return path in self._pending

    def forget(self) -> None:
        """The connection is gone, and with it what was asked through it."""
        with self._lock:
            self._pending.clear()

    def _answered(
        self, cluster: KnownCluster, name: str, path: str, found: Any, error: Exception | None
    ) -> None:
        with self._lock:
            again = self._pending.pop(path, False)
        self._calls.post(self._reader.read, cluster, name, found, error)
        if again and (error is None or isinstance(error, NoNodeError)):
            self.read(cluster, name)
