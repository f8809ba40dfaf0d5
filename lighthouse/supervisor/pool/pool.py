"""The worker processes that run, made to match those that are wanted."""

import functools
import itertools
import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.installed import Installed
from lighthouse.ipc.channel import Closed
from lighthouse.ipc.messages import Failed, Message
from lighthouse.process.reaper import Reaper
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.supervisor.loop.event_loop import EventLoop
from lighthouse.supervisor.plan import Name, Wanted
from lighthouse.supervisor.pool.process import Process
from lighthouse.supervisor.pool.process_counts import ProcessCounts
from lighthouse.supervisor.pool.sessions import Sessions
from lighthouse.supervisor.pool.worker import Worker

FIGURES: Final = 1.0
"""Seconds between looks at what the workers take."""

COUNT: Final = 5.0
"""Seconds between two counts of the workers' processes: it looks at every one of the host."""

TURN: Final = 0.01
"""Seconds for which one worker is listened to before the others get their turn."""

RETRY: Final = 0.2
"""Seconds until a step of a worker's life that could not be made is tried again."""

Take = Callable[[Worker, Message, memoryview, float], None]

_log: Final = logging.getLogger("lighthouse.supervisor")


class WorkerPool:
    """Starts, stops and feeds the workers; ``take`` is given what they say.

    ``take`` may raise ``msgspec.MsgspecError`` for what is no message of theirs.
    """

    def __init__(
        self,
        loop: EventLoop,
        reserve: DescriptorReserve,
        locks: Path,
        sessions: Sessions,
        take: Take,
    ) -> None:
        self._loop: Final = loop
        self._reserve: Final = reserve
        self._locks: Final = locks
        self._sessions: Final = sessions
        self._take: Final = take
        self._children: Final[dict[Name, Worker]] = {}
        self._leaving: Final[dict[Name, Worker]] = {}
        self._pids: Final[set[int]] = set()
        self._reaper: Final = Reaper(self._pids.__contains__)
        self._wanted: dict[Name, Wanted] = {}
        self._versions: Final = itertools.count(1)
        left = self._sessions.clear()
        if left:
            _log.warning("ended %d processes that plugins of an earlier run had left", left)
        self._counts: Final = ProcessCounts()
        loop.every("figures", FIGURES, self._look)
        loop.every("sessions", COUNT, self._count)

    def __iter__(self) -> Iterator[Worker]:
        """The workers that are wanted."""
        return iter(self._children.values())

    @property
    def gone(self) -> bool:
        """Return True if no process is left."""
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
                self.restart(name, now)

    def restart(self, name: Name, now: float) -> None:
        """Start a worker anew, at once; what it has registered stays."""
        worker = self._leaving[name] = self._children.pop(name)
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
            wanted = self._wanted.get(name)
            if wanted is None or not worker.takes_snapshots:
                continue
            if worker.snapshot != wanted.snapshot:
                deliver = functools.partial(self._deliver, worker, wanted, now)
                self._loop.attempt(f"what {' '.join(name)} is sent", deliver)

    def kill(self) -> None:
        """End every process at once."""
        for worker in [*self._children.values(), *self._leaving.values()]:
            if worker.process is not None:
                worker.process.signal(signal.SIGKILL)

    def stalled(self, seconds: float) -> None:
        """This process did not run for so long: no worker was late meanwhile."""
        now = time.monotonic()
        for worker in [*self._children.values(), *self._leaving.values()]:
            worker.stalled(seconds, now)
            self._settle(worker)

    def reap(self) -> None:
        """Let go of processes that have become this one's and ended."""
        now = time.monotonic()
        if self._reaper.reap(now):
            self._loop.timers.set("reap", now, self.reap)

    def _deliver(self, worker: Worker, wanted: Wanted, now: float) -> None:
        worker.deliver(wanted.snapshot, next(self._versions), now)
        self._settle(worker)

    def _due(self, worker: Worker) -> None:
        name = " ".join(worker.name)
        if self._loop.attempt(f"the next step of {name}", functools.partial(self._step, worker)):
            self._settle(worker)
        else:
            again = time.monotonic() + RETRY
            self._loop.timers.set(worker, again, functools.partial(self._due, worker))

    def _step(self, worker: Worker) -> None:
        if worker.due(time.monotonic()) and worker.process is not None:
            try:
                self._attend(worker, worker.process)
            except OSError as error:  # noticed when it has ended, by the look at all of them
                worker.oversteps(f"cannot be watched: {error}", time.monotonic())

    def _settle(self, worker: Worker) -> None:
        """After every event: let go of a stopped child, else be back at its deadline."""
        if worker.life.state == "stopped":
            self._leaving.pop(worker.name, None)
        self._loop.timers.set(worker, worker.life.deadline, functools.partial(self._due, worker))

    def _attend(self, worker: Worker, process: Process) -> None:
        self._pids.add(process.pid)
        self._reaper.began(process.pid)
        self._sessions.began(process.pid, process.mark)
        name = " ".join(worker.name)
        failed = functools.partial(self._failed, worker, process)
        for source, what, act in (
            (process.pidfd, f"the end of {name}", self._exited),
            (process.channel, f"what {name} said", self._spoke),
            (process.journal, f"what {name} printed", self._wrote),
        ):
            self._loop.watch(source, what, functools.partial(act, worker, process), failed)

    def _failed(self, worker: Worker, process: Process, reason: str) -> None:
        """The supervisor could not handle what a worker did: both begin afresh."""
        if worker.process is process:
            worker.oversteps(
                f"the daemon could not handle what it did: {reason}", time.monotonic()
            )
            self._settle(worker)

    def _exited(self, worker: Worker, process: Process) -> None:
        if worker.process is not process:
            return
        now = time.monotonic()
        self._loop.attempt(
            f"the last words of {' '.join(worker.name)}",
            functools.partial(self._hear_out, worker, process),
        )
        for source in (process.pidfd, process.channel, process.journal):
            self._loop.forget(source)
        with self._reserve.lent():
            self._reaper.end(process.pid, now)
        self._sessions.ended(process.pid)
        try:
            worker.exited(now)
        finally:
            self._pids.discard(process.pid)
            self._settle(worker)
        self.reap()

    def _hear_out(self, worker: Worker, process: Process) -> None:
        """Take what a dead worker has said: for a moment all of it, then only why it ended."""
        until = time.monotonic() + TURN
        try:
            while (received := process.channel.receive()) is not None:
                now = time.monotonic()
                if now < until or isinstance(received[0], Failed):
                    self._take(worker, *received, now)
        except (Closed, msgspec.MsgspecError):
            return

    def _spoke(self, worker: Worker, process: Process) -> None:
        now = time.monotonic()
        count = 0
        try:
            with self._reserve.lent(1):
                while time.monotonic() - now < TURN:
                    received = process.channel.receive()
                    if received is None:
                        break
                    count += 1
                    self._take(worker, *received, now)
        except Closed as closed:
            self._loop.forget(process.channel)
            if not closed.is_end:
                worker.oversteps(f"broke its channel: {closed}", now)
        except msgspec.MsgspecError as error:
            worker.oversteps(f"sent what is no message: {error}", now)
        else:
            self._share(worker, process, count, now)
        self._settle(worker)

    def _share(self, worker: Worker, process: Process, count: int, began: float) -> None:
        """Let a worker that says too much wait, in its own write; nobody else does."""
        now = time.monotonic()
        resume = worker.share.spend(count, now - began, now)
        if resume is not None:
            if worker.slowed_at is None:
                _log.warning("%s: says more than the daemon has time for", " ".join(worker.name))
            worker.slowed_at = now
            self._loop.pause(process.channel, resume)

    def _wrote(self, worker: Worker, process: Process) -> None:
        try:
            resume = process.journal.read(time.monotonic())
        except EOFError:
            self._loop.forget(process.journal)
            return
        if resume is not None:
            self._loop.pause(process.journal, resume)

    def _look(self) -> None:
        """Look at every worker, and at what was left behind."""
        for worker in [*self._children.values(), *self._leaving.values()]:
            look = functools.partial(self._look_at, worker)
            self._loop.attempt(f"a look at {' '.join(worker.name)}", look)
        self.reap()

    def _look_at(self, worker: Worker) -> None:
        """What it takes is bounded; and an end that nobody has told of is noticed here."""
        now = time.monotonic()
        if worker.process is None:
            worker.miss(now)
        elif worker.process.ended:
            self._exited(worker, worker.process)
        else:
            taken, flood = self._counts.use(worker.process.pid), worker.process.journal.flood(now)
            reason = worker.budget.judge(taken, now, flood)
            if reason:
                worker.oversteps(reason, now)
        self._settle(worker)

    def _count(self) -> None:
        """Count the processes of every session, the workers' among them, and what they leave."""
        self._counts.count(self._pids)
