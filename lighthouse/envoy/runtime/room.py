"""How many clusters Envoy can watch: it ends itself if the kernel refuses it one watcher more.

Envoy takes an inotify instance for each file, and the kernel gives each user a limited number
of them for all of that user's processes.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

LIMIT: Final = "/proc/sys/fs/inotify/max_user_instances"
_SPARE: Final = 8
"""Left for others."""

_OWN: Final = 4
"""Files that are watched whatever the clusters are, and what Envoy has of its own."""


_COUNTED: Final = 10.0
"""Seconds for which the number of what others hold is believed."""


class WatcherRoom:
    """How many clusters fit; what others hold is counted now and then only."""

    def __init__(self) -> None:
        self._others = 0
        self._until = 0.0

    def for_clusters(self, pids: Callable[[], frozenset[int]]) -> int:
        """How many clusters all our Envoys, which have these pids, can have together."""
        if time.monotonic() >= self._until:
            self._others = _used_by_others(pids())
            self._until = time.monotonic() + _COUNTED
        return max(0, limit() - self._others - _OWN - _SPARE)


def is_ample(clusters: int) -> bool:
    """Return True if so many clusters are so far from the limit that nobody need count."""
    return 2 * (clusters + _OWN) <= limit() // 2


def limit() -> int:
    """The kernel's limit for one user."""
    try:
        return int(Path(LIMIT).read_text("ascii"))
    except (OSError, ValueError):
        return 128


def remedy() -> str:
    """What an operator does for more room."""
    return f"raise fs.inotify.max_user_instances (sysctl), which is {limit()}"


def _used_by_others(pids: frozenset[int]) -> int:
    """What this user's other processes hold, as far as can be seen."""
    used, user = 0, os.geteuid()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in pids:
            continue
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == user:
                links = (os.readlink(link) for link in (entry / "fd").iterdir())
                used += sum(1 for link in links if link == "anon_inode:inotify")
    return used
