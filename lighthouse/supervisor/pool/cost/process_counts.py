"""How many processes belong to each worker: what only a look at all of them tells."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from lighthouse.process.ending.known import is_zombie, sessions
from lighthouse.supervisor.pool.cost.budget import ResourceUse, look

_MOST: Final = 1000
"""So many threads of a worker are asked for their children, and so many children looked at."""


class ProcessCounts:
    """Counted now and then; in between, what was counted last holds."""

    def __init__(self) -> None:
        self._sessions: Counter[int] = Counter()
        self._zombies: Counter[int] = Counter()

    def count(self, workers: Iterable[int]) -> None:
        """Count the processes of every session, and what these workers leave of theirs."""
        self._sessions = Counter(session for _, session in sessions())
        self._zombies = Counter({pid: zombies(pid) for pid in workers})

    def use(self, worker: int) -> ResourceUse:
        """What a worker takes now, its processes as they were counted last."""
        return look(worker, self._sessions[worker], self._zombies[worker])


def zombies(pid: int) -> int:
    """How many of a process's children have ended, and wait for it to take notice."""
    return sum(map(is_zombie, islice(_children(pid), _MOST)))


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in islice(Path(f"/proc/{pid}/task").iterdir(), _MOST):
            with suppress(OSError):
                yield from map(int, (task / "children").read_bytes().split())
