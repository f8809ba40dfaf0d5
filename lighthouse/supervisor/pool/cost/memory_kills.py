"""Whether the kernel has just ended a process for lack of memory: it counts them.

The count of this process's own control group tells best, since its workers are in it too; else
that of the whole host has to do.
"""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

RECENT: Final = 2.0
"""Seconds before now that count as just."""

_ROOT: Final = Path("/sys/fs/cgroup")
_OF_HOST: Final = Path("/proc/vmstat")
_WORD: Final = "oom_kill"


class MemoryKills:
    """``look`` is to be called about once a second."""

    def __init__(self, files: tuple[Path, ...] | None = None) -> None:
        self._files: Final = tuple(_counters()) if files is None else files
        self._counts: Final[deque[tuple[float, int]]] = deque(maxlen=8)
        self.look()

    def look(self) -> None:
        """Note how many there have been by now."""
        count = self._count()
        if count is not None:
            self._counts.append((time.monotonic(), count))

    def recent(self) -> bool | None:
        """Return True if there was one just now, None if that cannot be told."""
        count = self._count()
        if count is None or not self._counts:
            return None
        since = time.monotonic() - RECENT
        older = [number for at, number in self._counts if at <= since]
        return count > (older[-1] if older else self._counts[0][1])

    def _count(self) -> int | None:
        for path in self._files:
            try:
                text = path.read_text()
            except OSError:
                continue
            for line in text.splitlines():
                name, _, number = line.partition(" ")
                if name == _WORD and number.isdigit():
                    return int(number)
        return None


def _counters() -> Iterator[Path]:
    """Where the kernel may count, the narrowest first."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, kinds, group = [*line.split(":", 2), "", ""][:3]
        if not kinds:
            yield _ROOT / group.lstrip("/") / "memory.events"
        elif "memory" in kinds.split(","):
            yield _ROOT / "memory" / group.lstrip("/") / "memory.oom_control"
            yield _ROOT / "memory" / "memory.oom_control"
    yield _ROOT / "memory.events"
    yield _OF_HOST
