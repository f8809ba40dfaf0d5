"""What a worker takes of its host, and what it may take."""

import os
import resource
from collections import deque
from collections.abc import Collection
from typing import Final

import msgspec

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.process.ending import known

PATIENCE: Final = 10.0
"""Seconds for which a worker may take more than its budget (memory excepted)."""

_ROOM: Final = 0.9
"""The share of the kernel's limit of descriptors that may be in use."""

SOFT: Final = 0.8
CLEAR: Final = 0.7
"""The share of a budget from which on it is warned of, and below which no more."""

BUSY: Final = 0.9
BUSY_FOR: Final = 60
"""The share of one processor that is warned of if it is taken for so many seconds."""

_SHOWN: Final = 10
"""Seconds over which the share of a processor is told."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class ResourceUse(msgspec.Struct, frozen=True):
    """What a process takes: bytes, threads, descriptors, and processes in its session.

    Processes count though they have ended, as long as nobody has reaped them; ``zombies`` are
    those of them, in any session, that it should reap itself. ``cpu`` are seconds since it began.
    """

    memory: int = 0
    threads: int = 0
    descriptors: int = 0
    processes: int = 0
    zombies: int = 0
    cpu: float = 0.0


def look(pid: int, processes: int, zombies: int = 0) -> ResourceUse:
    """What a process takes now; nothing if it is just ending."""
    said = known.stat(pid)
    if not said:
        return ResourceUse()
    memory, threads = int(said[known.PAGES]) * _PAGE, int(said[known.THREADS])
    cpu = (int(said[known.USER_TICKS]) + int(said[known.SYSTEM_TICKS])) / _TICKS
    return ResourceUse(memory, threads, _descriptors(pid), processes, zombies, cpu)


def excess(taken: ResourceUse, settings: WorkerSettings, limit: int) -> str:
    """What is more than the budget, in words; empty if nothing is.

    ``limit`` is the kernel's limit of descriptors: whoever comes near it soon fails.
    """
    for what, has, may in _counted(taken, settings, limit):
        if has > may:
            return f"has {has} {what}, its budget is {may}"
    return ""


def near(
    taken: ResourceUse, settings: WorkerSettings, limit: int, before: Collection[str] = ()
) -> dict[str, str]:
    """What comes near to its budget, in words; ``before`` is what did so until now."""
    found = {}
    for what, has, may in _counted(taken, settings, limit):
        if may * (CLEAR if what in before else SOFT) <= has <= may and has > 1:
            found[what] = f"has {has} {what}, near its budget of {may}"
    has, may = taken.memory, settings.memory
    if has >= may * (CLEAR if "memory" in before else SOFT):
        room = f"{has / 2**20:.0f} MiB, near its budget of {may / 2**20:.0f} MiB"
        found["memory"] = f"takes {room}: beyond that it is started again"
    return found


def _counted(
    taken: ResourceUse, settings: WorkerSettings, limit: int
) -> tuple[tuple[str, int, int], ...]:
    """What, how many it has, and how many it may have."""
    descriptors = min(settings.descriptors, int(limit * _ROOM))
    return (
        ("threads", taken.threads, settings.threads),
        ("open descriptors", taken.descriptors, descriptors),
        ("processes", taken.processes, settings.processes),
        ("ended children that it has not waited for", taken.zombies, settings.zombies),
    )


class CpuShare:
    """What share of one processor a process takes; looked at about once a second."""

    def __init__(self) -> None:
        self._seen: Final[deque[tuple[float, float]]] = deque(maxlen=BUSY_FOR + 1)

    def look(self, now: float, cpu: float) -> None:
        if self._seen and cpu < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, cpu))

    def over(self, looks: int = _SHOWN) -> float | None:
        """The share over so many looks, None if there were not enough."""
        if len(self._seen) < 2:
            return None
        began, before = self._seen[max(0, len(self._seen) - 1 - looks)]
        now, cpu = self._seen[-1]
        return (cpu - before) / (now - began) if now > began else None

    @property
    def busy(self) -> str:
        """That it has had no rest for long, in words."""
        share = self.over(BUSY_FOR) if len(self._seen) > BUSY_FOR else None
        if share is None or share < BUSY:
            return ""
        return f"has taken {share:.0%} of a processor for {BUSY_FOR} s: it may turn in a loop"


class WorkerBudget:
    """What a worker takes, and since when that has been too much.

    ``excess`` says so in words from the first look on; only one that lasts has consequences.
    ``near`` is what may come to that, in words.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings: Final = settings
        self._since: float | None = None
        self.near: dict[str, str] = {}
        self.taken = ResourceUse()
        self.excess = ""
        self.cpu = CpuShare()

    def judge(self, taken: ResourceUse, now: float, flood: str = "") -> str:
        """Why the worker must go now, empty if it may stay; ``flood``: it writes too much."""
        self.taken = taken
        budget = self._settings.memory
        if taken.memory > budget:
            return f"took {taken.memory / 2**20:.0f} MiB, its budget is {budget / 2**20:.0f} MiB"
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._warn(now, limit)
        self.excess = excess(taken, self._settings, limit) or flood
        if not self.excess:
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        return f"{self.excess}: killed" if now >= self._since + PATIENCE else ""

    def forget(self) -> None:
        """The process is gone."""
        self.taken, self.excess, self._since = ResourceUse(), "", None
        self.near, self.cpu = {}, CpuShare()

    def _warn(self, now: float, limit: int) -> None:
        self.cpu.look(now, self.taken.cpu)
        self.near = near(self.taken, self._settings, limit, self.near)
        if busy := self.cpu.busy:
            self.near["processor"] = busy


def _descriptors(pid: int) -> int:
    """How many it has open; newer kernels tell without a list of them."""
    path = f"/proc/{pid}/fd"
    try:
        return os.stat(path).st_size or len(os.listdir(path))
    except OSError:
        return 0
