"""How long changes took, from observed to applied."""

from collections import deque
from typing import Final, Literal, get_args

import msgspec

from lighthouse.process.timing.histogram import Histogram

KEPT: Final = 1000
"""Newest samples; and changes that may wait to be measured."""


Stage = Literal["observed", "supervisor", "applied", "total"]
"""From a source's change as its worker saw it to the supervisor; from there to the snapshot that
has it; from there to its being true. ``total`` is all of it."""


class LatencyFigures(msgspec.Struct, frozen=True):
    """Milliseconds over the newest changes; ``count`` is of all of them."""

    p50: float | None
    p99: float | None
    count: int


class Latency:
    """The newest samples, how many there ever were, and the changes that are under way.

    Moments are ``time.monotonic()``.
    """

    def __init__(self) -> None:
        self.stages: Final[dict[Stage, Histogram]] = {
            stage: Histogram() for stage in get_args(Stage)
        }
        self._samples: Final[deque[float]] = deque(maxlen=KEPT)
        self._count = 0
        self._waiting: list[tuple[float, float]] = []  # observed by its worker, heard of here
        self._travelling: list[tuple[float, float]] = []
        self.sent_at = 0.0

    def observed(self, at: float, heard_at: float) -> None:
        """A change was observed, and will be part of the next snapshot."""
        if len(self._waiting) < KEPT:
            self._waiting.append((at, heard_at))

    def sent(self, at: float) -> None:
        """A snapshot is sent with all that has been observed."""
        self._travelling, self._waiting = self._waiting, []
        self.sent_at = at

    def applied(self, at: float) -> None:
        """What was sent last is true now."""
        for observed_at, heard_at in self._travelling:
            self._samples.append(at - observed_at)
            self.stages["observed"].add(heard_at - observed_at)
            self.stages["supervisor"].add(self.sent_at - heard_at)
            self.stages["applied"].add(at - self.sent_at)
            self.stages["total"].add(at - observed_at)
        self._count += len(self._travelling)
        self._travelling = []

    def lost(self) -> None:
        """What was sent last was not made true: it is part of the next snapshot again."""
        self._waiting, self._travelling = self._travelling + self._waiting, []

    def forget(self) -> None:
        """Nobody wants to know how long what is under way takes."""
        self._waiting, self._travelling = [], []

    def figures(self) -> LatencyFigures:
        ordered = sorted(self._samples)
        if not ordered:
            return LatencyFigures(None, None, 0)
        return LatencyFigures(
            p50=round(ordered[len(ordered) // 2] * 1000, 3),
            p99=round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 3),
            count=self._count,
        )
