"""The worker processes that run, made to match those that are wanted."""

import functools
import itertools
import logging
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.installed import Installed
from lighthouse.ipc.channel import Closed
from lighthouse.ipc.messages import Message
from lighthouse.process.timers import Timers
from lighthouse.supervisor.plan import Name, Wanted
from lighthouse.supervisor.sessions import Sessions
from lighthouse.supervisor.worker import Process, Worker

FIGURES: Final = 1.0
"""Seconds between looks at the workers' memory."""

Take = Callable[[Worker, Message, memoryview, float], None]

_log: Final = logging.getLogger("lighthouse.supervisor")


class WorkerPool:
    """Starts, stops and feeds the workers; ``take`` is given what they say.

    ``take`` may raise ``msgspec.MsgspecError`` for what is no message of theirs.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        timers: Timers,
        locks: Path,
        sessions: Sessions,
        take: Take,
    ) -> None:
        self._selector: Final = selector
        self._timers: Final = timers
        self._locks: Final = locks
        self._sessions: Final = sessions
        self._take: Final = take
        self._children: Final[dict[Name, Worker]] = {}
        self._leaving: Final[dict[Name, Worker]] = {}
        self._wanted: dict[Name, Wanted] = {}
        self._versions: Final = itertools.count(1)
        left = self._sessions.clear()
        if left:
            _log.warning("ended %d processes that plugins of an earlier run had left", left)
        self._look()

    def __iter__(self) -> Iterator[Worker]:
        """The workers that are wanted."""
        return iter(self._children.values())

    @property
    def gone(self) -> bool:
        """Whether no process is left."""
        return not self._children and not self._leaving

    def want(self, wanted: dict[Name, Wanted], now: float, keep: bool = False) -> None:
        """Stop what is not wanted any more or wanted otherwise, start what is missing.

        A discovery that is only started anew keeps its registrations; ``keep``: all do.
        """
        self._wanted = wanted
        for name, worker in list(self._children.items()):
            want = wanted.get(name)
            if want is None or (want.plugin, want.settings) != (worker.plugin, worker.settings):
                self._leaving[name] = self._children.pop(name)
                same = want is not None and want.plugin == worker.plugin
                worker.unwanted(now, keep or same)
                self._settle(worker)

    def compare(self, installed: Installed, now: float) -> None:
        """Packages were installed or removed: say whose code is old, try again what failed."""
        for worker in self._children.values():
            worker.compare(installed)
        self.hurry(now)

    def renew(self, installed: Installed, now: float) -> None:
        """Start anew what runs other code than is installed; registrations stay."""
        for name, worker in list(self._children.items()):
            if worker.renewable(installed):
                _log.info("%s: %s; it starts anew", " ".join(name), worker.origin)
                self._leaving[name] = self._children.pop(name)
                worker.unwanted(now, keep=True)
                self._settle(worker)

    def hurry(self, now: float) -> None:
        """Start at once what waits for its next try."""
        for worker in self._children.values():
            worker.hurry(now)
            self._settle(worker)

    def dispatch(self, now: float) -> None:
        """Start workers whose predecessors are gone; send each the snapshot it lacks."""
        for name in self._wanted.keys() - self._children.keys() - self._leaving.keys():
            want = self._wanted[name]
            worker = Worker(name, want.plugin, want.settings, self._locks / "-".join(name))
            self._children[name] = worker
            self._due(worker)
        for name, worker in self._children.items():
            snapshot = self._wanted[name].snapshot
            if worker.takes_snapshots and worker.snapshot != snapshot:
                worker.deliver(snapshot, next(self._versions), now)
                self._settle(worker)

    def kill(self) -> None:
        """End every process at once."""
        for worker in [*self._children.values(), *self._leaving.values()]:
            if worker.process is not None:
                worker.process.signal(signal.SIGKILL)

    def _due(self, worker: Worker) -> None:
        if worker.due(time.monotonic()) and worker.process is not None:
            self._attend(worker, worker.process)
        self._settle(worker)

    def _settle(self, worker: Worker) -> None:
        """After every event: let go of a stopped child, else be back at its deadline."""
        if worker.life.state == "stopped":
            self._leaving.pop(worker.name, None)
        self._timers.set(worker, worker.life.deadline, functools.partial(self._due, worker))

    def _attend(self, worker: Worker, process: Process) -> None:
        self._sessions.began(process.pid)
        exited = functools.partial(self._exited, worker, process)
        spoke = functools.partial(self._spoke, worker, process)
        self._selector.register(process.pidfd, selectors.EVENT_READ, exited)
        self._selector.register(process.channel, selectors.EVENT_READ, spoke)
        self._listen(process)

    def _listen(self, process: Process) -> None:
        wrote = functools.partial(self._wrote, process)
        self._selector.register(process.journal, selectors.EVENT_READ, wrote)

    def _exited(self, worker: Worker, process: Process) -> None:
        self._spoke(worker, process)
        for source in (process.pidfd, process.channel, process.journal):
            with suppress(KeyError):
                self._selector.unregister(source)
        self._timers.set(process, None, self._look)
        self._sessions.ended(process.pid)
        worker.exited(time.monotonic())
        self._settle(worker)

    def _spoke(self, worker: Worker, process: Process) -> None:
        if worker.process is not process:
            return
        now = time.monotonic()
        try:
            while (received := process.channel.receive()) is not None:
                self._take(worker, *received, now)
        except Closed as closed:
            with suppress(KeyError):
                self._selector.unregister(process.channel)
            if not closed.is_end:
                worker.oversteps(f"broke its channel: {closed}", now)
        except msgspec.MsgspecError as error:
            worker.oversteps(f"sent what is no message: {error}", now)
        self._settle(worker)

    def _wrote(self, process: Process) -> None:
        if process.journal.closed:
            return
        try:
            resume = process.journal.read(time.monotonic())
        except EOFError:
            self._selector.unregister(process.journal)
            return
        if resume is not None:
            self._selector.unregister(process.journal)
            self._timers.set(process, resume, functools.partial(self._listen, process))

    def _look(self) -> None:
        """Look at the workers' memory, now and every second."""
        now = time.monotonic()
        for worker in self._children.values():
            rss = worker.process.rss() if worker.process is not None else 0
            if rss > worker.settings.memory:
                taken, budget = rss / 2**20, worker.settings.memory / 2**20
                worker.oversteps(f"took {taken:.0f} MiB, its budget is {budget:.0f} MiB", now)
                self._settle(worker)
        self._timers.set("memory", now + FIGURES, self._look)
