"""The worker that hosts a check: ``python -m lighthouse.workers.check``."""

import collections
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lighthouse.check import Check
from lighthouse.ipc.log_lines import Once
from lighthouse.ipc.messages import Deliver, Probed, Validated, Verdicts, encode, unpack
from lighthouse.ipc.snapshot import CheckSnapshot
from lighthouse.schema import Rejection
from lighthouse.service import Performed, Probe
from lighthouse.workers.host import serve
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.plugin import CHECK
from lighthouse.workers.poller import Wakeup
from lighthouse.workers.probe import Probing
from lighthouse.workers.probe_run import Performance, ProbeResult
from lighthouse.workers.process import GivingUp
from lighthouse.workers.role import WorkerRole, WorkReport
from lighthouse.workers.validation import explain, problems

ProbeKey = tuple[str, int]

MOST_ABANDONED: Final = 64
"""Threads that may hang in the plugin before the worker starts afresh."""

PULSE: Final = 2.0
"""Seconds between two statements of what was performed last."""

_log: Final = logging.getLogger("lighthouse.worker")


class CheckRole(WorkerRole):
    """Runs exactly the probes of the newest snapshot and states their verdicts."""

    def __init__(self, plugin: type[Check], outbox: Outbox, wakeup: Wakeup) -> None:
        self._class: Final = plugin
        self._outbox: Final = outbox
        self._wakeup: Final = wakeup
        self._once: Final = Once(_log)
        self._finished: Final[collections.deque[Performance]] = collections.deque()
        self._snapshot = CheckSnapshot()
        self._wanted: dict[ProbeKey, Probe] = {}  # as last asked for, accepted or not
        self._rejected: dict[ProbeKey, Rejection] = {}
        self._probings: dict[ProbeKey, Probing] = {}
        self._abandoned: list[Performance] = []
        self._pulse_at = 0.0
        self._unpulsed = False  # something was performed since the last pulse
        self._stated: list[tuple[ProbeKey, bool | None, str, dict[str, Any]]] = []

    def take(self, _delivery: Deliver, payload: memoryview) -> None:
        snapshot = unpack(payload)
        if not isinstance(snapshot, CheckSnapshot):
            raise TypeError(f"a {type(snapshot).__name__} was sent to a check")
        self._snapshot = snapshot

    def converge(self) -> WorkReport:
        wanted = {probe.key: probe for probe in self._snapshot.probes}
        before, self._probings = self._probings, {}
        for key, probe in wanted.items():
            asked = self._wanted.get(key)
            if asked is None or _timeless(asked) != _timeless(probe):
                self._probings[key] = self._begin(probe, before.get(key))
            else:
                self._probings[key] = before[key]
        for key, probing in before.items():
            if self._probings.get(key) is not probing:
                self._abandon(probing.stop())
        for key in self._rejected.keys() - wanted:
            del self._rejected[key]
        self._wanted = wanted
        self._state()
        return WorkReport("applied", rejections=tuple(_distinct(self._rejected.values())))

    def validate(self, payload: memoryview) -> Validated:
        snapshot = unpack(payload)
        if not isinstance(snapshot, CheckSnapshot):
            raise ValueError(f"a {type(snapshot).__name__}")
        found = (self._reject(probe) for probe in snapshot.probes)
        distinct = _distinct(rejection for rejection in found if rejection is not None)
        return Validated(tuple(distinct))

    def attend(self) -> bool:
        while self._finished:
            performance = self._finished.popleft()
            for probing in self._probings.values():
                finding = probing.take(performance)
                if finding is not None:
                    self._unpulsed = True
                    self._tell(probing, finding)
                    break
        now = time.monotonic()
        for probing in self._probings.values():
            if now >= probing.next_at():
                before = probing.verdict
                self._abandon(probing.attend(now))
                self._unpulsed |= probing.verdict is not before
        if self._now_stated() != self._stated:
            self._state()
        if self._unpulsed and now >= self._pulse_at:
            self._pulse(now)
        return False

    def attend_at(self) -> float:
        due = min((p.next_at() for p in self._probings.values()), default=float("inf"))
        return min(due, self._pulse_at) if self._unpulsed else due

    def status(self) -> Mapping[str, Any]:
        self._abandoned = [one for one in self._abandoned if one.alive()]
        return {"probes": len(self._probings), "hanging": len(self._abandoned)}

    def summary(self) -> str:
        return f"{len(self._probings)} probes"

    def close(self, grace: float, keep: bool = False) -> None:
        """Nothing to let go of: the threads end with the process."""

    def _begin(self, probe: Probe, before: Probing | None) -> Probing:
        """A new or changed probe; a rejected one leaves what ran before in force."""
        rejection = self._reject(probe)
        if rejection is None:
            self._rejected.pop(probe.key, None)
            passing = probe.passing if before is None else before.verdict.passing
            return Probing(self._class, probe, self._finish, passing)
        self._rejected[probe.key] = rejection
        if before is not None:
            return before
        silent = f"its config is rejected: {explain(rejection)}"
        return Probing(self._class, probe, self._finish, probe.passing, silent)

    def _reject(self, probe: Probe) -> Rejection | None:
        faults = problems(self._class.validate_config, probe.config)
        return Rejection(faults, service=probe.service) if faults else None

    def _finish(self, performance: Performance) -> None:
        """Called by the performance's own thread."""
        self._finished.append(performance)
        self._wakeup.set()

    def _abandon(self, performance: Performance | None) -> None:
        if performance is None:
            return
        self._abandoned = [one for one in (*self._abandoned, performance) if one.alive()]
        if len(self._abandoned) > MOST_ABANDONED:
            raise GivingUp(f"{len(self._abandoned)} performances hang; starting afresh")

    def _tell(self, probing: Probing, finding: ProbeResult) -> None:
        """Log what the plugin raised, unless it only says that the service is not there."""
        topic = f"{probing.probe.service}:{probing.probe.port}"
        if finding.error is None:
            self._once.forget(topic)
        elif not isinstance(finding.error.error, OSError):
            error = finding.error
            self._once.say(logging.ERROR, topic, error.reason, error.traceback)

    def _now_stated(self) -> list[tuple[ProbeKey, bool | None, str, dict[str, Any]]]:
        verdicts = ((key, probing.verdict) for key, probing in self._probings.items())
        return [(key, v.passing, v.reason, v.metadata) for key, v in verdicts]

    def _pulse(self, now: float) -> None:
        """Say when each probe had its newest result: one message, however many they are."""
        self._unpulsed, self._pulse_at = False, now + PULSE
        verdicts = ((key, probing.verdict) for key, probing in self._probings.items())
        found = [Performed(*key, v.performed_at) for key, v in verdicts if v.performed_at]
        if found:
            self._outbox.post(Probed(), encode(found))

    def _state(self) -> None:
        """Say all verdicts, changed or not."""
        self._stated = self._now_stated()
        verdicts = tuple(probing.verdict for probing in self._probings.values())
        self._outbox.post(Verdicts(), encode(verdicts))


def _timeless(probe: Probe) -> Probe:
    """The probe without what was known of its service when it was asked for."""
    return msgspec.structs.replace(probe, passing=None)


def _distinct(rejections: Iterable[Rejection]) -> list[Rejection]:
    """Each once; the ports of one service share their config."""
    kept: list[Rejection] = []
    for rejection in rejections:
        if rejection not in kept:
            kept.append(rejection)
    return kept


def main() -> None:
    serve(CHECK, CheckRole)


if __name__ == "__main__":
    main()
