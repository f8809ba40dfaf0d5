"""The worker that hosts a check: ``python -m lighthouse.workers.check``."""

import collections
import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.check import Check
from lighthouse.ipc.log_lines import Once
from lighthouse.ipc.messages import Deliver, Probed, Validated, VerdictsSaid, encode
from lighthouse.ipc.snapshot import CheckSnapshot, unpack
from lighthouse.process.wakeup import Wakeup
from lighthouse.schema import Rejection
from lighthouse.service import Performed, Probe
from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.trial import untaken
from lighthouse.workers.boundary.validation import explain, validated
from lighthouse.workers.loading.kind import CHECK
from lighthouse.workers.main import serve
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.probes.probe import GRACE, Probing
from lighthouse.workers.probes.run import Performance, ProbeKey, ProbeResult
from lighthouse.workers.probes.schedule import ProbeSchedule
from lighthouse.workers.probes.tally import Tally
from lighthouse.workers.process import GivingUp
from lighthouse.workers.role import WorkerRole, WorkReport

Statement = tuple[bool | None, str, dict[str, Any]]
"""What is said of a verdict whenever it is another one."""

FEW: Final = 8
"""Verdicts that are said one by one."""

MOST_ABANDONED: Final = 64
"""Threads that may hang in the plugin before the worker starts afresh."""

PULSE: Final = 2.0
"""Seconds between two statements of what was performed last."""

_SHOWN: Final = 3
"""So many hanging performances are shown with their stacks."""

_BOUND: Final = "give each socket, command and lock what is left of `timeout`"
_METADATA: Final = "give names and plain values of at most 4 KiB"
_LEGAL: Final = "return lighthouse.check.Result(passing) with True or False, or raise"

_log: Final = logging.getLogger("lighthouse.worker")


class CheckRole(WorkerRole):
    """Runs exactly the probes of the newest snapshot and states their verdicts."""

    def __init__(
        self, plugin: type[Check], outbox: Outbox, wakeup: Wakeup, conduct: Conduct
    ) -> None:
        self.plugin_class: type[Check] = plugin
        self._conduct: Final = conduct
        self._outbox: Final = outbox
        self._wakeup: Final = wakeup
        self._once: Final = Once(_log)
        self._finished: Final[collections.deque[Performance]] = collections.deque()
        self._snapshot = CheckSnapshot()
        self._wanted: dict[ProbeKey, Probe] = {}  # as last asked for, accepted or not
        self._rejected: dict[ProbeKey, Rejection] = {}
        self._probings: dict[ProbeKey, Probing] = {}
        self._abandoned: list[Performance] = []
        self._failed_validation = ""  # the traceback of one that raised no rejection
        self._pulse_at = 0.0
        self._unpulsed = False  # something was performed since the last pulse
        self._schedule: Final = ProbeSchedule()
        self._tally: Final = Tally()
        self._stated: dict[ProbeKey, Statement] = {}

    def take(self, _delivery: Deliver, payload: memoryview) -> None:
        snapshot = unpack(payload)
        if not isinstance(snapshot, CheckSnapshot):
            raise TypeError(f"a {type(snapshot).__name__} was sent to a check")
        self._snapshot = snapshot

    def converge(self) -> WorkReport:
        wanted = {probe.key: probe for probe in self._snapshot.probes}
        self._failed_validation = ""
        before, self._probings = self._probings, {}
        for key, probe in wanted.items():
            asked = self._wanted.get(key)
            if asked is None or _timeless(asked) != _timeless(probe):
                self._probings[key] = self._begin(probe, before.get(key))
            else:
                self._probings[key] = before[key]
            self._schedule.plan(self._probings[key])
        for key, probing in before.items():
            if self._probings.get(key) is not probing:
                self._schedule.drop(probing)
                self._abandon(probing.stop())
                self._conduct.keeps(_topic(probing.probe))
                self._conduct.keeps(f"metadata of {_topic(probing.probe)}")
        for key in self._rejected.keys() - wanted:
            del self._rejected[key]
        self._wanted = wanted
        self._stated = {}
        self._state()
        rejections = tuple(_distinct(self._rejected.values()))
        return WorkReport("applied", "", self._failed_validation, rejections)

    def validate(self, payload: memoryview, software: bool = True) -> Validated:
        snapshot = unpack(payload)
        if not isinstance(snapshot, CheckSnapshot):
            raise ValueError(f"a {type(snapshot).__name__}")
        found = (self._reject(probe) for probe in snapshot.probes)
        distinct = _distinct(rejection for rejection in found if rejection is not None)
        tried = not software and not distinct
        return Validated(tuple(distinct), self._try(snapshot.probes) if tried else "")

    def _try(self, probes: Iterable[Probe]) -> str:
        """Why the plugin cannot take one of these configs, empty if it can take each."""
        configs = {probe.service: probe.config for probe in probes}
        reasons = (untaken(self.plugin_class, config) for config in configs.values())
        return next(filter(None, reasons), "")

    def attend(self) -> bool:
        changed = [probing for probing in self._concluded() if self._is_news(probing)]
        if changed:
            self._state(changed)
        now = time.monotonic()
        if self._unpulsed and now >= self._pulse_at:
            self._pulse(now)
        return False

    def attend_at(self) -> float:
        due = self._schedule.next_at()
        return min(due, self._pulse_at) if self._unpulsed else due

    def status(self) -> Mapping[str, Any]:
        self._abandoned = [one for one in self._abandoned if one.alive()]
        told: dict[str, Any] = {"probes": len(self._probings), "hanging": len(self._abandoned)}
        told["performed"] = self._tally.told()
        stacks = {":".join(map(str, one.key)): one.stack() for one in self._abandoned[:_SHOWN]}
        return told | ({"stacks of those that hang": stacks} if stacks else {})

    def summary(self) -> str:
        return f"{len(self._probings)} probes"

    def close(self, grace: float, keep: bool = False) -> None:
        """End what performances have started; their threads end with the process."""
        for probing in self._probings.values():
            performance = probing.stop()
            if performance is not None:
                performance.cancel()

    def _concluded(self) -> Iterator[Probing]:
        """Do what is due; the probes with a new result."""
        while self._finished:
            performance = self._finished.popleft()
            probing = self._probings.get(performance.key)
            finding = probing.take(performance) if probing is not None else None
            if probing is not None and finding is not None:
                self._schedule.plan(probing)
                self._unpulsed = True
                self._tally.add(finding.result.passing, finding.took)
                self._tell(probing, finding)
                yield probing
        now = time.monotonic()
        for probing in self._schedule.take(now):
            before = probing.verdict
            late = probing.attend(now)
            if late is not None:
                self._tally.add(False, probing.verdict.took)
                self._hangs(probing.probe, late)
            self._abandon(late)
            self._schedule.plan(probing)
            if probing.verdict is not before:
                self._unpulsed = True
                yield probing

    def _begin(self, probe: Probe, before: Probing | None) -> Probing:
        """A new or changed probe; a rejected one leaves what ran before in force."""
        rejection = self._reject(probe)
        if rejection is None:
            self._rejected.pop(probe.key, None)
            same = before is not None and before.probe.asked == probe.asked
            passing = before.verdict.passing if before is not None and same else probe.passing
            return Probing(self.plugin_class, probe, self._finish, passing)
        self._rejected[probe.key] = rejection
        if before is not None:
            return before
        silent = f"its config is rejected: {explain(rejection)}"
        return Probing(self.plugin_class, probe, self._finish, probe.passing, silent)

    def _reject(self, probe: Probe) -> Rejection | None:
        validate = self.plugin_class.validate_config
        faults, traceback = validated(validate, probe.config, self._conduct)
        self._failed_validation = traceback or self._failed_validation
        return Rejection(faults, service=probe.service) if faults else None

    def _finish(self, performance: Performance) -> None:
        """Called by the performance's own thread."""
        self._finished.append(performance)
        self._wakeup.set()

    def _abandon(self, performance: Performance | None) -> None:
        if performance is None:
            return
        performance.cancel()
        self._abandoned = [one for one in (*self._abandoned, performance) if one.alive()]
        if len(self._abandoned) > MOST_ABANDONED:
            raise GivingUp(f"{len(self._abandoned)} performances hang; starting afresh")

    def _tell(self, probing: Probing, finding: ProbeResult) -> None:
        """Log what the plugin raised, unless it only says that the service is not there."""
        topic = _topic(probing.probe)
        if finding.breach:
            where = place.of_function(self.plugin_class.perform)
            self._conduct.breaks(topic, finding.breach, _LEGAL, where)
        else:
            self._conduct.keeps(topic)
        if finding.odd:
            where, told = place.of_function(self.plugin_class.perform), f"{topic}: {finding.odd}"
            self._conduct.breaks(f"metadata of {topic}", told, _METADATA, where, warning=True)
        else:
            self._conduct.keeps(f"metadata of {topic}")
        error = finding.error
        if error is None:
            self._once.forget(topic)
        elif not error.is_expected:
            self._once.say(logging.ERROR, topic, error.located, error.traceback)

    def _hangs(self, probe: Probe, late: Performance) -> None:
        """A performance keeps its thread beyond the timeout that it was given."""
        told = f"perform of {_topic(probe)} has not returned {GRACE:g} s after its timeout"
        told += f" of {probe.timeout:g} s"
        self._conduct.breaks(_topic(probe), told, _BOUND, late.stands_at(), warning=True)
        self._once.say(logging.WARNING, f"{_topic(probe)} hangs", late.stands_at(), late.stack())

    def _is_news(self, probing: Probing) -> bool:
        """Return True if a probe's verdict is not what was said of it last."""
        return self._stated.get(probing.probe.key) != _statement(probing)

    def _pulse(self, now: float) -> None:
        """Say when each probe had its newest result: one message, however many they are."""
        self._unpulsed, self._pulse_at = False, now + PULSE
        verdicts = ((key, probing.verdict) for key, probing in self._probings.items())
        found = [Performed(*key, v.performed_at) for key, v in verdicts if v.performed_at]
        if found:
            self._outbox.post(Probed(), encode(found))

    def _state(self, changed: Collection[Probing] | None = None) -> None:
        """Say these verdicts, each by itself, or all in one if they are many."""
        few = changed is not None and len(changed) <= FEW
        said = changed if changed is not None and few else self._probings.values()
        self._stated |= {probing.probe.key: _statement(probing) for probing in said}
        if not few:
            self._outbox.post(VerdictsSaid(), encode([probing.verdict for probing in said]))
            return
        for probing in said:
            verdict = encode([probing.verdict])
            self._outbox.post(
                VerdictsSaid(whole=False), verdict, (VerdictsSaid, probing.probe.key)
            )


def _topic(probe: Probe) -> str:
    return f"{probe.service}:{probe.port}"


def _statement(probing: Probing) -> Statement:
    verdict = probing.verdict
    return verdict.passing, verdict.reason, verdict.metadata


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
