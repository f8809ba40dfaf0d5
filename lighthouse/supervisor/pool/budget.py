"""What a worker takes of its host, and what it may take."""

import os
import resource
from typing import Final

import msgspec

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.process.known import stat

PATIENCE: Final = 10.0
"""Seconds for which a worker may take more than its budget (memory excepted)."""

_ROOM: Final = 0.9
"""The share of the kernel's limit of descriptors that may be in use."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_STAT_THREADS, _STAT_RSS = 17, 21
"""Indexes in what ``known.stat`` returns."""


class ResourceUse(msgspec.Struct, frozen=True):
    """What a process takes: bytes, threads, descriptors, and processes in its session.

    Processes count though they have ended, as long as nobody has reaped them; ``zombies`` are
    those of them, in any session, that it should reap itself.
    """

    memory: int = 0
    threads: int = 0
    descriptors: int = 0
    processes: int = 0
    zombies: int = 0


def look(pid: int, processes: int, zombies: int = 0) -> ResourceUse:
    """What a process takes now; nothing if it is just ending."""
    said = stat(pid)
    if not said:
        return ResourceUse()
    memory, threads = int(said[_STAT_RSS]) * _PAGE, int(said[_STAT_THREADS])
    return ResourceUse(memory, threads, _descriptors(pid), processes, zombies)


def excess(taken: ResourceUse, settings: WorkerSettings, limit: int) -> str:
    """What is more than the budget, in words; empty if nothing is.

    ``limit`` is the kernel's limit of descriptors: whoever comes near it soon fails.
    """
    descriptors = min(settings.descriptors, int(limit * _ROOM))
    for what, has, may in (
        ("threads", taken.threads, settings.threads),
        ("open descriptors", taken.descriptors, descriptors),
        ("processes", taken.processes, settings.processes),
        ("ended children that it has not waited for", taken.zombies, settings.zombies),
    ):
        if has > may:
            return f"has {has} {what}, its budget is {may}"
    return ""


class WorkerBudget:
    """What a worker takes, and since when that has been too much.

    ``excess`` says so in words from the first look on; only one that lasts has consequences.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings: Final = settings
        self._since: float | None = None
        self.taken = ResourceUse()
        self.excess = ""

    def judge(self, taken: ResourceUse, now: float, flood: str = "") -> str:
        """Why the worker must go now, empty if it may stay; ``flood``: it writes too much."""
        self.taken = taken
        budget = self._settings.memory
        if taken.memory > budget:
            return f"took {taken.memory / 2**20:.0f} MiB, its budget is {budget / 2**20:.0f} MiB"
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.excess = excess(taken, self._settings, limit) or flood
        if not self.excess:
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        return f"{self.excess}: killed" if now >= self._since + PATIENCE else ""

    def forget(self) -> None:
        """The process is gone."""
        self.taken, self.excess, self._since = ResourceUse(), "", None


def _descriptors(pid: int) -> int:
    """How many it has open; newer kernels tell without a list of them."""
    path = f"/proc/{pid}/fd"
    try:
        return os.stat(path).st_size or len(os.listdir(path))
    except OSError:
        return 0
