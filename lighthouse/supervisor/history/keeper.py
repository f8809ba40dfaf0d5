"""The histories on disk: read at the start, written now and then while they change."""

import math
import time
from typing import Final

from lighthouse.supervisor.history.recorder import HistoryRecorder
from lighthouse.supervisor.history.saved import SavedVersion, condensed, restored
from lighthouse.supervisor.store import Store

WRITE: Final = 10.0
"""Seconds between two writes: so much of a history a crash may cost."""

_PREFIX: Final = "history-"


class HistoryKeeper:
    """One record for each balancer."""

    def __init__(self, recorder: HistoryRecorder, cache: Store) -> None:
        self._recorder: Final = recorder
        self._cache: Final = cache
        self._written: Final[dict[str, float]] = {}

    def restore(self) -> None:
        """Start from what an earlier run left."""
        for name in self._cache.records(_PREFIX):
            saved = self._cache.load(_PREFIX + name, tuple[SavedVersion, ...])
            if saved:
                self._recorder.restore(name, restored(saved))

    def write(self, within: float = math.inf) -> None:
        """Write what has changed since, for ``within`` seconds; forget balancers that are no more.

        At least one is written each time, that which waits longest.
        """
        changed, until = self._recorder.changed, time.monotonic() + within
        for name in sorted(changed, key=lambda one: self._written.get(one, 0.0)):
            self._written[name] = time.monotonic()
            versions = condensed(self._recorder.of(name))
            if self._cache.save(_PREFIX + name, versions, durable=False):
                changed.discard(name)
            if time.monotonic() >= until:
                break
        known = self._recorder.names()
        for name in self._cache.records(_PREFIX):
            if name not in known:
                self._cache.forget(_PREFIX + name)
