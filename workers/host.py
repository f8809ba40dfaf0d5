"""The loop of a worker: take the newest snapshot, make it true, say what happened, wait."""

import logging
import math
import random
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
import setproctitle

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.log_lines import Once
from lighthouse.ipc.messages import (
    Alive,
    Applied,
    Deliver,
    Describe,
    Described,
    Rehearse,
    Rehearsed,
    Stop,
    Validate,
    Validated,
    Working,
    encode,
)
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.plugin import Plugin
from lighthouse.process.gc import GarbageCollector
from lighthouse.process.locks import Lock
from lighthouse.process.timing.backoff import Backoff
from lighthouse.process.wakeup import Wakeup
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import (
    WARNINGS,
    Seen,
    bounded,
    counted,
    named,
    one_line,
    plain,
    shown,
)
from lighthouse.workers.boundary.plugin_call import PluginError, call
from lighthouse.workers.figures import SoftwareFigures
from lighthouse.workers.loading.description import describe
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.poller import Poller
from lighthouse.workers.process import GivingUp
from lighthouse.workers.role import WorkerRole, WorkReport
from lighthouse.workers.wake_policy import WakePolicy

P = TypeVar("P", bound=Plugin)

HEARTBEAT: Final = 2.0
LOCK_PATIENCE: Final = 10.0
LOCK_POLL: Final = 0.02
BACKOFF: Final = Backoff()
_TROUBLES: Final = {"failed": logging.ERROR, "degraded": logging.WARNING, "held": logging.INFO}

_log: Final = logging.getLogger(__name__)


class WorkerHost:
    """One worker's loop, whatever its role."""

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        wakeup: Wakeup,
        lock: Lock,
        role: WorkerRole,
        conduct: Conduct,
        title: str,
    ) -> None:
        self._channel: Final = channel
        self._outbox: Final = outbox
        self._wakeup: Final = wakeup
        self._lock: Final = lock
        self._role: Final = role
        self._conduct: Final = conduct
        self._title: Final = title
        self._garbage: Final = GarbageCollector()
        self._readiness: Final = Poller()
        self._once: Final = Once(logging.getLogger("lighthouse.worker"))
        self._attention: Final = WakePolicy(role, self._readiness, conduct)
        self._seen: Final[Seen] = {}
        self._delivery: tuple[Deliver, memoryview] | None = None  # the newest, not begun
        self._version = 0  # of the snapshot in hand
        self._failures = 0
        self._retry_at = math.inf
        self._lock_until = math.inf
        self._beat_at = 0.0
        self._figures: Final = SoftwareFigures(role, self._outbox, self._once)
        self._congested = False
        self._stop: Stop | None = None

    def run(self) -> None:
        """Until told to stop. Raises ``Closed`` when the supervisor is gone."""
        self._readiness.watch(self._channel.fileno())
        self._readiness.watch(self._wakeup.fileno())
        while True:
            ready = self._readiness.wait(self._next() - time.monotonic())
            self._receive(ready)
            if self._stop is not None:
                break
            self._work(ready)
            self._beat()
            self._send()
        self._role.close(self._stop.grace, self._stop.keep)
        self._outbox.flush()

    def _next(self) -> float:
        """When there is something to do though no descriptor says so."""
        moments = (self._beat_at, self._retry_at, self._attention.at(), self._role.attend_at())
        if self._delivery is None:
            return min(moments)
        return min(time.monotonic() + LOCK_POLL, *moments)

    def _receive(self, ready: set[int]) -> None:
        if self._channel.fileno() not in ready:
            return
        while (received := self._channel.receive(self._role.base)) is not None:
            match received:
                case Deliver() as delivery, payload:
                    self._delivery = (delivery, payload)
                case Validate(software), payload:
                    self._validate(payload, software)
                case Rehearse(), payload:
                    self._rehearse(payload)
                case Describe(), _:
                    described = describe(self._role.plugin_class)
                    self._outbox.post(Described(), encode(described))
                case Stop() as stop, _:
                    self._stop = stop

    def _work(self, ready: set[int]) -> None:
        now = time.monotonic()
        if self._delivery is not None:
            if self._may_begin(now):
                self._deliver(*self._delivery)
        elif now >= self._retry_at:
            self._retry("retry")
        woken = self._wakeup.fileno() in ready
        if woken:
            self._wakeup.clear()
        if woken or now >= self._role.attend_at():
            self._attend()
        if self._attention.due(ready, now):
            self._wake()

    def _may_begin(self, now: float) -> bool:
        """Return True if nobody else is at this worker's work, not even somebody who is dying."""
        if self._lock.take():
            return True
        self._lock_until = min(self._lock_until, now + LOCK_PATIENCE)
        if now >= self._lock_until:
            holder = self._lock.holder()
            raise GivingUp(f"another process (pid {holder}) holds {self._lock.path}")
        return False

    def _deliver(self, delivery: Deliver, payload: memoryview) -> None:
        self._delivery = None
        self._role.take(delivery, payload)
        self._version = delivery.version
        self._failures = 0
        self._settle(self._role.converge())

    def _retry(self, what: str) -> None:
        self._outbox.post(Working(what))
        self._settle(self._role.converge())

    def _wake(self) -> None:
        """Enter the plugin, unannounced: that would delay every change, to tell of a rare hang.

        The supervisor notices one all the same, when the heartbeat stays away.
        """
        report = self._role.wake()
        if report is None:
            self._attention.ask(time.monotonic())
        else:
            self._settle(report, woken=True)
        self._attend()

    def _attend(self) -> None:
        if self._role.attend() and self._lock.held and self._delivery is None:
            self._retry("again")

    def _settle(self, report: WorkReport, woken: bool = False) -> None:
        """Say what became of the snapshot, then see to everything that can wait."""
        applied_at = time.monotonic()
        failing = report.kind in ("failed", "degraded")
        rejections, left_out = bounded(report.rejections)
        withheld, unnamed = named(report.withheld)
        self._outbox.post(
            Applied(
                self._version,
                report.kind,
                applied_at,
                report.reason,
                report.traceback,
                rejections,
                self._status(),
                counted(report.warnings, WARNINGS),
                left_out,
                withheld,
                unnamed,
            )
        )
        self._retry_at = math.inf
        if failing:
            self._failures += 1
            self._retry_at = applied_at + BACKOFF.delay(self._failures, random.random())
        else:
            self._failures = 0
        self._attention.ask(time.monotonic(), self._retry_at if failing and woken else 0.0)
        self._tell(report)

    def _tell(self, report: WorkReport) -> None:
        if report.kind in _TROUBLES:
            self._once.say(_TROUBLES[report.kind], report.kind, report.reason, report.traceback)
        elif report.traceback:
            self._once.say(logging.ERROR, "validation", "it failed", report.traceback)
        elif self._once.forget(*_TROUBLES):
            _log.info("version %d: %s", self._version, report.kind)

    def _validate(self, payload: memoryview, software: bool) -> None:
        try:
            found = self._role.validate(payload, software)
            warnings = counted(found.warnings, WARNINGS)
            rejections, report = counted(found.rejections), self._conduct.report
            answer = Validated(rejections, found.reason, warnings, report)
        except (msgspec.DecodeError, ValueError) as error:
            answer = Validated(reason=one_line(f"not a snapshot of this kind: {error}"))
        self._outbox.post(answer)

    def _rehearse(self, payload: memoryview) -> None:
        try:
            rehearsal = self._role.rehearse(payload)
        except (msgspec.DecodeError, ValueError) as error:
            rehearsal = Rehearsal(reason=one_line(f"not a snapshot to rehearse: {error}"))
        self._outbox.post(Rehearsed(), encode(rehearsal))

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + HEARTBEAT
            self._outbox.post(Alive(self._status()))
            if self._version:
                done = f"{self._role.summary()}, v{self._version}"
                setproctitle.setproctitle(f"{self._title} ({done})")
            self._figures.say()
            self._garbage.tidy()

    def _status(self) -> dict[str, Any]:
        """What the plugin says of itself; what of it cannot be shown is told by its name."""
        try:
            status = call("status", self._role.status)
        except PluginError as failure:
            self._conduct.breaks("status", failure.reason, "mend it", failure.place, warning=True)
            self._once.say(logging.ERROR, "status", failure.what, failure.traceback)
            return {}
        if not isinstance(status, Mapping):
            where = place.of_function(self._role.plugin_class.status)
            told = f"status returned {shown(status)}, of the type {type(status).__name__}"
            remedy = "return a map of names to JSON values"
            self._conduct.breaks("status", told, remedy, where, warning=True)
            return {}
        values, wrong = plain(status, self._seen)
        if wrong:
            where = place.of_function(self._role.plugin_class.status)
            told = "; ".join(f"{key} is {why}" for key, why in wrong.items())
            remedy = "return a few short JSON values"
            self._conduct.breaks(
                "status", f"of what status returned, {told}", remedy, where, warning=True
            )
        else:
            self._conduct.keeps("status")
        return values

    def _send(self) -> None:
        """Send what is left over; wait for room in the channel only while there is any."""
        self._conduct.say()
        self._outbox.flush()
        if self._outbox.waiting != self._congested:
            self._congested = self._outbox.waiting
            self._readiness.watch(self._channel.fileno(), writable=self._congested)
