"""Counts what was done to the servers, and says it in the log at a bounded rate."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from lighthouse.haproxy.runtime.changes import Climb

log: Final = logging.getLogger(__name__)

EVERY: Final = 1.0
_NAMED: Final = 5


class SyncCounts:
    """``total`` counts the steps of each rung of the ladder."""

    def __init__(self) -> None:
        self.total: Final[Counter[str]] = Counter()
        self._news: Counter[str] = Counter()
        self._clusters: dict[str, None] = {}
        self._said_at = float("-inf")

    def add(self, climbs: Sequence[Climb]) -> None:
        """These climbs have been made."""
        for climb in climbs:
            for step in (*climb.gain, *climb.lose):
                self.total[step.rung] += 1
                self._news[step.rung] += 1
                self._clusters[step.backend] = None

    def after(self) -> float | None:
        """Seconds until ``say`` has something to say."""
        if not self._news:
            return None
        return max(0.0, self._said_at + EVERY - time.monotonic())

    def say(self) -> None:
        """Tell what has been done since the last time, once a second at most."""
        if self.after() != 0.0:
            return
        self._said_at = time.monotonic()
        what = ", ".join(f"{rung} {count}" for rung, count in sorted(self._news.items()))
        names = list(self._clusters)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        log.info("servers: %s (in %s%s)", what, ", ".join(names[:_NAMED]), more)
        self._news.clear()
        self._clusters.clear()
