"""The worker processes that run, made to match those that are wanted."""

import functools
import itertools
import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lighthouse.distribution.installed import Installed
from lighthouse.ipc.snapshot import Snapshot
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.supervisor.loop.event_loop import EventLoop
from lighthouse.supervisor.plan import Wanted
from lighthouse.supervisor.pool.cost.record import WorkerRecord
from lighthouse.supervisor.pool.inspection import Inspection
from lighthouse.supervisor.pool.plugin_code import taken
from lighthouse.supervisor.pool.process_watch import ProcessWatch, Take
from lighthouse.supervisor.pool.sessions import Sessions
from lighthouse.supervisor.pool.succession import Successors, due_to, is_as_wanted, objection
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.standing_order import Name

FIGURES: Final = 1.0
"""Seconds between looks at what the workers take."""

COUNT: Final = 5.0
"""Seconds between two counts of the workers' processes: it looks at every one of the host."""

RETRY: Final = 0.2
"""Seconds until a step of a worker's life that could not be made is tried again."""

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
        installed: Installed,
    ) -> None:
        self._loop: Final = loop
        self._locks: Final = locks
        self._children: Final[dict[Name, Worker]] = {}
        self._successors: Final = Successors()
        self._leaving: Final[set[Worker]] = set()
        self._paused: Final[dict[Name, Worker]] = {}
        self._records: Final[dict[Name, WorkerRecord]] = {}
        self._wanted: dict[Name, Wanted] = {}
        self._stirred: Final[set[Name]] = set()  # for which there may be something to do
        self._versions = itertools.count(1)
        self._watch: Final = ProcessWatch(loop, reserve, sessions, take, self._settle)
        self._inspection: Final = Inspection(self._watch)
        self._installed = installed
        loop.every("figures", FIGURES, self._look)
        loop.every("sessions", COUNT, self._inspection.count)

    def number_from(self, version: int) -> None:
        """Give versions greater numbers than those of earlier runs."""
        self._versions = itertools.count(version + 1)

    def __iter__(self) -> Iterator[Worker]:
        """The workers that are wanted, paused ones included."""
        return iter([*self._children.values(), *self._paused.values()])

    @property
    def gone(self) -> bool:
        """Return True if no process is left."""
        return not self._all()

    def want(self, wanted: dict[Name, Wanted], now: float, keep: bool = False) -> None:
        """Stop what is not wanted any more; ``keep``: what that has registered stays.

        What is missing or wanted otherwise is seen to by ``dispatch``.
        """
        before, self._wanted = self._wanted, wanted
        self._stirred.update(n for n, one in wanted.items() if before.get(n) is not one)
        for name in self._children.keys() - wanted.keys():
            self._let_go(self._successors.pop(name), now)
            self._let_go(self._children.pop(name), now, keep)
        for name in self._records.keys() - wanted.keys():
            del self._records[name]
        paused = [name for name, one in wanted.items() if one.paused]
        for name in self._paused.keys() - paused:
            del self._paused[name]
        for name in paused:
            self._pause(name, now)

    def compare(self, installed: Installed, now: float) -> None:
        """Packages were installed or removed: say whose code is old, try again what failed."""
        self._installed = installed
        for worker in self._children.values():
            worker.code.compare(installed)
        self.hurry(now)

    def renew(self, installed: Installed, now: float) -> None:
        """Have other code than runs take over where it is installed; registrations stay."""
        for name, worker in list(self._children.items()):
            if worker.code.refused or worker.code.renewable(installed):
                self.restart(name, now)

    def _pause(self, name: Name, now: float) -> None:
        """Have it stop; what it has registered stays, and what is known of it is shown."""
        self._let_go(self._successors.pop(name), now)
        worker = self._children.pop(name, None)
        self._let_go(worker, now, keep=True)
        if worker is not None or name not in self._paused:
            self._paused[name] = worker or self._new(name, self._wanted[name])
        self._paused[name].paused = self._wanted[name].paused
        self._paused[name].record.latency.forget()

    def restart(self, name: Name, now: float, force: bool = False) -> None:
        """Start a worker anew; what it has registered stays.

        One that runs does so until its successor has shown that it can take over; ``force``:
        it ends at once, whatever becomes of the next.
        """
        worker, wanted = self._children[name], self._wanted[name]
        self._let_go(self._successors.pop(name), now)
        if force or worker.life.state != "running" or worker.snapshot is None:
            keep = worker.plugin == wanted.plugin
            self._let_go(self._children.pop(name), now, keep)
            worker.record.ends["replaced"] += 1
            return
        worker.code.refused = ""
        successor = self._new(name, wanted, on_trial=True)
        self._successors.add(successor, wanted)
        what = "what is installed for it now is"
        if not is_as_wanted(worker, wanted):
            what = "what its file wants now is"
        _log.info("%s: %s tried", " ".join(name), what)
        self._due(successor)

    def hurry(self, now: float) -> None:
        """Start at once what waits for its next try."""
        for worker in self._children.values():
            worker.hurry(now)
            self._settle(worker)

    def dispatch(self, now: float) -> None:
        """Start workers whose predecessors are gone, try what is to take the place of others.

        Send each the snapshot that it lacks.
        """
        for name in sorted(self._stirred):
            if self._see_to(name, now):
                self._stirred.discard(name)

    def _see_to(self, name: Name, now: float) -> bool:
        """Return True if nothing is left to be done for what is wanted of that name."""
        wanted, worker = self._wanted.get(name), self._children.get(name)
        if wanted is None:
            return True
        if worker is not None and self._successors.lacks(worker, wanted):
            self.restart(name, now)
            worker = self._children.get(name)
        asked = self._ask(self._successors.get(name), wanted, now)
        if any(one.name == name and not one.on_trial for one in self._leaving):
            return asked  # its end stirs it
        if worker is None and wanted.paused:
            return asked
        if worker is None:
            worker = self._children[name] = self._new(name, wanted)
            self._due(worker)
        snapshot = due_to(worker, wanted)
        if not worker.takes_snapshots or worker.snapshot == snapshot:
            return asked
        what = f"what {' '.join(name)} is sent"
        sent = self._loop.attempt(what, self._deliver, worker, snapshot, now)
        return sent and worker.snapshot is snapshot and asked

    def _ask(self, successor: Worker | None, wanted: Wanted, now: float) -> bool:
        """Have one on trial show what it can; return True if it needs not be asked any more."""
        if successor is None or not successor.takes_snapshots or successor.validated is not None:
            return True
        what = f"what the successor of {' '.join(successor.name)} is asked"
        self._loop.attempt(what, successor.ask, wanted.snapshot, now)
        return not successor.takes_snapshots

    def kill(self) -> None:
        """End every process at once, and say whose that had to be."""
        late = [worker for worker in self._all() if worker.process is not None]
        for worker in late:
            if worker.process is not None:
                worker.process.signal(signal.SIGKILL)
        if late:
            names = ", ".join(" ".join(worker.name) for worker in late)
            _log.warning("killed at once, since the daemon ends: %s", names)

    def stalled(self, seconds: float) -> None:
        """This process did not run for so long: no worker was late meanwhile."""
        now = time.monotonic()
        for worker in self._all():
            worker.stalled(seconds, now)
            self._settle(worker)

    def reap(self) -> None:
        """Let go of processes that have become this one's and ended."""
        self._watch.reap()

    def _deliver(self, worker: Worker, snapshot: Snapshot, now: float) -> None:
        worker.deliver(snapshot, next(self._versions), now)
        self._be_back(worker)

    def _due(self, worker: Worker) -> None:
        name = " ".join(worker.name)
        if self._loop.attempt(f"the next step of {name}", self._step, worker):
            self._settle(worker)
        else:
            again = time.monotonic() + RETRY
            self._loop.timers.set(worker, again, functools.partial(self._due, worker))

    def _step(self, worker: Worker) -> None:
        if worker.due(time.monotonic()) and worker.process is not None:
            try:
                self._watch.attend(worker, worker.process)
            except OSError as error:  # noticed when it has ended, by the look at all of them
                worker.oversteps(f"cannot be watched: {error}", time.monotonic())

    def _settle(self, worker: Worker) -> None:
        """After every event: let go of a stopped child, else be back at its deadline."""
        self._stirred.add(worker.name)
        if self._successors.has(worker):
            self._judge(worker, self._children[worker.name])
        if worker.life.state == "stopped":
            self._leaving.discard(worker)
        self._be_back(worker)

    def _be_back(self, worker: Worker) -> None:
        self._loop.timers.set(worker, worker.life.deadline, functools.partial(self._due, worker))

    def _judge(self, successor: Worker, worker: Worker) -> None:
        """Have a successor take over, or let it go, once it is known which."""
        now, name = time.monotonic(), worker.name
        why = objection(successor, worker)
        if why is None:
            return
        self._successors.pop(name)
        if why:
            worker.refuse(successor, why)
            self._let_go(successor, now)
            return
        _log.info("%s: %s", " ".join(name), taken(worker.code.running, successor.code.tried))
        self._children[name] = successor
        worker.record.ends["replaced"] += 1
        successor.record = worker.record
        successor.take_over()
        self._let_go(worker, now, keep=worker.plugin == successor.plugin)

    def _let_go(self, worker: Worker | None, now: float, keep: bool = False) -> None:
        """Have a worker stop, cleanly if it can; ``keep``: what it has registered stays."""
        if worker is not None:
            self._leaving.add(worker)
            worker.unwanted(now, keep)
            self._settle(worker)

    def _new(self, name: Name, wanted: Wanted, on_trial: bool = False) -> Worker:
        offered = self._installed.origin(name[0], wanted.plugin)
        known = (wanted.plugin, wanted.settings, self._locks / "-".join(name))
        worker = Worker(name, *known, offered, on_trial)
        if not on_trial:
            worker.record = self._records.setdefault(name, worker.record)
        return worker

    def _all(self) -> list[Worker]:
        """All that may have a process."""
        return [*self._children.values(), *self._successors, *self._leaving]

    def _look(self) -> None:
        """Look at every worker, and at what was left behind."""
        self._watch.memory_kills.look()
        for worker in self._all():
            self._loop.attempt(f"a look at {' '.join(worker.name)}", self._inspect, worker)
        self.reap()

    def _inspect(self, worker: Worker) -> None:
        self._inspection.look_at(worker)
        self._settle(worker)
