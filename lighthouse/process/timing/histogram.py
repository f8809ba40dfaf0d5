"""A histogram of durations, in the shape that is summed over time and over hosts."""

from bisect import bisect_left
from typing import Final

_FAST: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
_SLOW: Final = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

BOUNDS: Final = (*_FAST, *_SLOW)
"""Seconds; what took longer than the last is counted beyond it."""


class Histogram:
    """How many durations ended in each bucket, not summed up, and their sum in seconds."""

    def __init__(self) -> None:
        self.counts: Final = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """One more; clocks of two processes may tell a moment less than nothing."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds
