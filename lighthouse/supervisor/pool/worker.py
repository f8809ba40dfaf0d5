"""One worker process: the effects around its ``Lifecycle``."""

import logging
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.distribution.origin import PluginOrigin
from lighthouse.ipc.channel import Closed
from lighthouse.ipc.messages import Applied, FromWorker, Stop, Validate, Validated
from lighthouse.ipc.snapshot import Snapshot, pack
from lighthouse.process import trace
from lighthouse.process.timing.time_share import TimeShare
from lighthouse.supervisor.pool.cost.budget import WorkerBudget
from lighthouse.supervisor.pool.cost.record import WorkerRecord
from lighthouse.supervisor.pool.delivery import Base
from lighthouse.supervisor.pool.life.ending import ending_of
from lighthouse.supervisor.pool.life.fault import ended, on_trial, overdue
from lighthouse.supervisor.pool.life.life_log import tell
from lighthouse.supervisor.pool.life.lifecycle import (
    Action,
    Became,
    Due,
    Ending,
    Event,
    Exited,
    Heard,
    Hurried,
    Lifecycle,
    LifecycleLimits,
    Overstepped,
    Stalled,
    Unwanted,
    step,
)
from lighthouse.supervisor.pool.plugin_code import PluginCode
from lighthouse.supervisor.pool.process import Process
from lighthouse.supervisor.standing_order import Name

SILENCE: Final = 10.0
"""Seconds without a sign of life that end an idle worker, if its sync may not take longer."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class Worker:
    """A worker that should run: its life, its snapshots and its figures.

    ``on_trial``: it has to show that it can take the place of another one before it is given
    any work; ``validated`` is what it has answered. ``last_error``, when that was
    (``time.time()``) and its traceback stay when it is well again. ``record`` outlives it, as
    ``paused`` does: the words why it is kept from its work.
    """

    def __init__(
        self,
        name: Name,
        plugin: str,
        settings: WorkerSettings,
        lock: Path,
        offered: PluginOrigin | None = None,
        on_trial: bool = False,
    ) -> None:
        self.name: Final = name
        self.plugin: Final = plugin
        self.settings: Final = settings
        self.life = Lifecycle()
        self.process: Process | None = None
        self.record = WorkerRecord()
        self.paused = ""
        self.budget: Final = WorkerBudget(settings)
        self.snapshot: Snapshot | None = None
        self.version = 0
        self.sent_at: float | None = None
        self.applied: Applied | None = None
        self.applied_at: float | None = None
        self.made: Snapshot | None = None  # the newest that it made true
        self.unmade = frozenset[str]()  # but for these clusters
        self.status: dict[str, Any] = {}
        self.counters: dict[str, dict[str, int]] = {}
        self.code: Final = PluginCode(name, plugin, offered)
        self.traceback = ""  # of what ended its last process
        self.stacks = ""  # of its threads, when it hung last
        self.on_trial = on_trial
        self.validated: Validated | None = None
        self.said = ""
        self.last_error = self.last_traceback = ""
        self.last_error_at: float | None = None
        self.share: Final = TimeShare()
        self.slowed_at: float | None = None
        self._lock: Final = lock
        self._silence: Final = max(SILENCE, settings.sync_timeout)
        self.limits: Final = LifecycleLimits(settings.start_timeout, settings.stop_timeout)
        self._acknowledged = True
        self._keep = False
        self._base: Final = Base()
        self.has_applied = False

    def take(self, event: Event, now: float) -> bool:
        """Let an event change the life. Return True if its process has started or is gone."""
        before = self.life
        self.life, action = step(before, event, now, self.limits, random.random())
        if self.life.state != before.state:
            self._tell(before)
        return self._act(action, now)

    def heard(self, message: FromWorker, now: float, what: str = "") -> None:
        """The worker spoke; it now has until its next deadline."""
        busy = bool(what) or not self._acknowledged
        allowed = self.settings.sync_timeout if busy else self._silence
        if isinstance(message, Applied) and message.version == self.version:
            allowed = self._silence
        self._expect(what or ("its sync" if busy else "its loop"), allowed, now)

    def _expect(self, what: str, allowed: float, now: float) -> None:
        """The next sign of life is due within ``allowed`` seconds."""
        overdue = f"{what} did not return within {allowed:g} s: killed"
        self.take(Heard(now + allowed, overdue), now)

    def ready(self, now: float) -> None:
        """The worker is ready for its first snapshot."""
        self.traceback = ""
        self._acknowledged = True
        self.take(Became(now + self._silence), now)
        self._expect("its loop", self._silence, now)

    @property
    def takes_snapshots(self) -> bool:
        """Return True if it is ready and has answered what it was sent before."""
        return self.life.state == "running" and self._acknowledged

    def deliver(self, snapshot: Snapshot, version: int, now: float) -> None:
        """Send a snapshot; if the pipe is full, the next pass tries again.

        Raises ``OSError`` if the system has no room for it.
        """
        if self.process is None:
            return
        began = time.monotonic()
        try:
            if not self.process.channel.send(*self._base.deliver(snapshot, version)):
                return
        except Closed:
            return
        self.snapshot, self.version, self.sent_at = snapshot, version, time.time()
        self._acknowledged = False
        self.record.latency.sent(began)
        self._expect("its sync", self.settings.sync_timeout, now)

    def ask(self, snapshot: Snapshot, now: float) -> None:
        """Have its plugin validate a snapshot of which nothing is done.

        Raises ``OSError`` if the system has no room for it.
        """
        if self.process is None:
            return
        with suppress(Closed):
            if self.process.channel.send(Validate(software=False), pack(snapshot)):
                self._acknowledged = False
                self._expect("its trial", self.settings.sync_timeout, now)

    def answered(self, message: Validated, now: float) -> None:
        """It has been asked, and this is what it says."""
        self.validated, self._acknowledged = message, True
        self._expect("its loop", self._silence, now)

    def take_over(self) -> None:
        """It has shown that it can, and is now given the work."""
        self.on_trial = False
        self._tell(self.life)

    def refuse(self, successor: "Worker", why: str) -> None:
        """It goes on with its work, for this successor cannot take over."""
        if self.life.state == "running":
            self.code.refuse(successor.code, why, self.settings != successor.settings)
            traceback = successor.traceback and f"\n{successor.traceback}"
            _log.error("%s: %s%s", " ".join(self.name), self.code.refused, traceback)

    def acknowledge(self, message: Applied, wall: float) -> None:
        """A snapshot was made true, or not."""
        if message.version == self.version:
            self._acknowledged = True
            self.has_applied |= message.kind != "held"
            self._make(message)
            if message.kind != "failed":
                self.record.latency.applied(message.applied_at)
        self.applied, self.applied_at, self.status = message, wall, message.status
        if message.kind in ("failed", "degraded"):
            self.errs(message.reason, message.traceback)

    def errs(self, reason: str, traceback: str = "") -> None:
        """This is its last error."""
        self.last_error, self.last_error_at = reason, time.time()
        self.last_traceback = traceback

    def _make(self, message: Applied) -> None:
        """Note what is true by now; one that is degraded serves what it does not name."""
        named = frozenset(r.cluster for r in message.rejections if r.cluster is not None)
        whole = any(r.cluster is None for r in message.rejections)
        if message.kind in ("applied", "unchanged"):
            self.made, self.unmade = self.snapshot, frozenset()
        elif message.kind == "degraded" and named and not whole:
            self.made, self.unmade = self.snapshot, named

    def hurry(self, now: float) -> None:
        """Start it at once if it waits for its next try."""
        self.take(Hurried(), now)

    def oversteps(self, reason: str, now: float, why: Ending = "protocol") -> None:
        """End it for breaking a rule; it is started again."""
        self.errs(reason)
        self.take(Overstepped(reason, why), now)

    def exited(self, now: float, starved: bool | None = None) -> None:
        """Its process has ended: reap it, and end what it left behind.

        ``starved``: the kernel has just ended some process for lack of memory.
        """
        assert self.process is not None
        process, self.process = self.process, None
        self._keep_stacks(process)
        number, status = process.reap()
        said, self.said = self.said, ""
        self.budget.forget()
        self.code.ended()
        self.snapshot = self.made = None
        self.has_applied = False
        self._base.close()
        if self.life.wanted and not self.on_trial:
            self.record.latency.lost()  # else it is its successor's by now
        if not said and self.life.state != "stopping":
            source = self.code.source
            status = on_trial(status, source) if self.on_trial else ended(status, source, starved)
        ending = None if said else ending_of(number, starved)
        self.take(Exited(status, said, ending), now)
        self.record.ended(self.life, number)
        if self.life.wanted:
            self.errs(self.life.last_exit, self.traceback)

    def _keep_stacks(self, process: Process) -> None:
        """Those that it wrote since it hung stay, until the next time that it hangs."""
        stacks = process.stacks
        if stacks:
            self.stacks = stacks
            _log.error("%s: its threads when it hung:\n%s", " ".join(self.name), stacks)

    def miss(self, now: float) -> None:
        """It has no process: that is its end, if it counts as one that has."""
        if self.life.state in ("starting", "running", "stopping"):
            self.take(Exited("its process is gone"), now)

    def stalled(self, seconds: float, now: float) -> None:
        """The supervisor did not run for so long, and could not hear it."""
        self.take(Stalled(seconds), now)

    def due(self, now: float) -> bool:
        """The deadline may have passed. Return True if its process has started or is gone."""
        if self.process is None or not self.life.traced:
            return self.take(Due(), now)
        source = "" if self.on_trial else self.code.source
        return self.take(Due(self.process.doing, overdue(self.life, source)), now)

    def unwanted(self, now: float, keep: bool = False) -> None:
        """It is to stop for good, cleanly if it can; ``keep``: registrations stay."""
        self._keep = keep
        self.record.latency.lost()
        self.take(Unwanted(at_once=self.on_trial), now)

    def _act(self, action: Action | None, now: float) -> bool:
        match action:
            case "spawn":
                return self._spawn(now)
            case "ask" if self.process is not None:
                with suppress(Closed):
                    self.process.channel.send(Stop(self.limits.stop, self._keep))
            case "trace" if self.process is not None:
                self.process.signal(trace.SIGNAL)
            case "term" if self.process is not None:
                self.process.signal(signal.SIGTERM)
            case "kill" if self.process is not None:
                self.process.signal(signal.SIGKILL)
        return False

    def _spawn(self, now: float) -> bool:
        try:
            given = (self.name, self.plugin, self.settings, self._lock)
            self.process = Process(*given, self.code.offered)
        except (OSError, LookupError) as error:
            self.take(Exited(f"cannot be started: {error}", ending="unstarted"), now)
            self.record.ended(self.life, None)
            self.errs(self.life.last_exit)
            return False
        return True

    def _tell(self, before: Lifecycle) -> None:
        if not self.on_trial:
            tell(self.name, self.life, before, self.process.pid if self.process else 0)
