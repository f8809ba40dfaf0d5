"""How long changes took, from observed to applied."""

from collections import deque
from typing import Final

import msgspec

KEPT: Final = 1000


class LatencyFigures(msgspec.Struct, frozen=True):
    """Milliseconds over the newest changes; ``count`` is of all of them."""

    p50: float | None
    p99: float | None
    count: int


class Latency:
    """The newest samples, and how many there ever were."""

    def __init__(self) -> None:
        self._samples: Final[deque[float]] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, seconds: float) -> None:
        self._samples.append(seconds)
        self._count += 1

    def figures(self) -> LatencyFigures:
        ordered = sorted(self._samples)
        if not ordered:
            return LatencyFigures(None, None, 0)
        return LatencyFigures(
            p50=round(ordered[len(ordered) // 2] * 1000, 3),
            p99=round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 3),
            count=self._count,
        )
