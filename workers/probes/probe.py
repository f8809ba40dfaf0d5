"""One probe, repeated: its schedule, its performances, and the verdict so far."""

import math
import time
import zlib
from collections.abc import Callable
from typing import Final

import msgspec

from lighthouse.check import Check, Result
from lighthouse.service import Probe, Verdict
from lighthouse.workers.probes.run import Performance, ProbeResult


class Streak(msgspec.Struct, frozen=True):
    """A verdict so far (None: not decided) and the newest results in a row.

    ``streak`` counts consecutive passes upwards from 0 and consecutive failures downwards.
    """

    passing: bool | None = None
    streak: int = 0


def step(standing: Streak, passed: bool, rise: int, fall: int) -> Streak:
    """The standing after one more result."""
    streak = max(standing.streak, 0) + 1 if passed else min(standing.streak, 0) - 1
    passing = standing.passing
    if streak >= max(rise, 1):
        passing = True
    elif -streak >= max(fall, 1):
        passing = False
    return Streak(passing, streak)


GRACE: Final = 0.5
"""Seconds past its timeout after which a performance is given up."""

SPREAD: Final = 1.0
"""Seconds over which first performances are spread, if the interval is not shorter."""

SOONEST: Final = 0.05
"""Seconds between two performances of which one asked for the other, at least."""


class Probing:
    """Performs one probe again and again, never twice at once.

    ``silent`` says why it is not performed at all; its verdict then stays what it was.
    """

    def __init__(
        self,
        plugin: type[Check],
        probe: Probe,
        finished: Callable[[Performance], None],
        passing: bool | None,
        silent: str = "",
    ) -> None:
        self._plugin: Final = plugin
        self._finished: Final = finished
        self._silent: Final = silent
        self.probe: Final = probe
        self._instance: Check | None = None
        self._standing = Streak(passing)
        self._due_at = time.monotonic() + offset(probe, plugin)
        self._again_at = math.inf
        self._between = False
        self._running: Performance | None = None
        reason = silent or "not checked yet"
        self.verdict = Verdict(probe.service, probe.port, passing, reason, asked=probe.asked)

    def next_at(self) -> float:
        """When there is something to do: start a performance, or give the running one up."""
        if self._silent:
            return float("inf")
        if self._running is not None:
            return self._deadline(self._running)
        return min(self._due_at, self._again_at)

    def attend(self, now: float) -> Performance | None:
        """Start or give up what is due; the performance given up, if one was."""
        abandoned = None
        running = self._running
        if running is not None and now >= self._deadline(running):
            abandoned = self.stop()
            late = Result(False, running.timed_out())
            self._conclude(ProbeResult(late, now - running.started_at))
        if self._running is None and not self._silent and now >= self.next_at():
            self._between, self._again_at = now < self._due_at, math.inf
            if not self._between:
                self._due_at = _next_slot(self._due_at, self.probe.interval, now)
            self._running = Performance(self._plugin, self._instance, self.probe, self._finished)
            self._running.start()
        return abandoned

    def take(self, performance: Performance) -> ProbeResult | None:
        """What a finished performance found; None if it had been given up."""
        if performance is not self._running or performance.finding is None:
            return None
        self._running = None
        self._instance = performance.instance
        self._conclude(performance.finding)
        if (again := performance.finding.result.look_again) is not None:
            self._again_at = time.monotonic() + max(again, SOONEST)
        return performance.finding

    def stop(self) -> Performance | None:
        """Stop caring for what is under way; the performance, if there is one.

        The plugin's instance is left to it, for it may use it for ever.
        """
        abandoned, self._running, self._instance = self._running, None, None
        return abandoned

    def _deadline(self, running: Performance) -> float:
        return running.started_at + self.probe.timeout + GRACE

    def _conclude(self, finding: ProbeResult) -> None:
        result = finding.result
        probe = self.probe
        if not self._between:
            self._standing = step(self._standing, result.passing, probe.rise, probe.fall)
        passing = self._standing.passing
        # While a failure is not believed yet, what the last pass found out still holds.
        keep = not result.passing and passing and not result.metadata
        metadata = self.verdict.metadata if keep else result.metadata
        self.verdict = Verdict(
            probe.service,
            probe.port,
            passing,
            result.reason,
            metadata,
            time.monotonic(),
            finding.took,
            probe.asked,
        )


def offset(probe: Probe, plugin: type[Check]) -> float:
    """Seconds to wait before the first performance: the same for a probe at each start."""
    name = f"{probe.service}:{probe.port}:{plugin.__module__}.{plugin.__qualname__}"
    fraction = zlib.crc32(name.encode()) / 2**32
    return fraction * min(probe.interval, SPREAD)


def _next_slot(due_at: float, interval: float, now: float) -> float:
    """The first moment of the schedule after now."""
    interval = max(interval, 0.01)
    return due_at + interval * (int((now - due_at) / interval) + 1)
