"""Lag as it is published with a node: coarse and steady.

Every change of what is published is a write to the discovery and a read by each of its readers.
A figure that jitters from probe to probe must therefore not be published as it is.
"""

import collections
import math
from typing import Final

WINDOW: Final = 30.0
"""Seconds for which a published figure stays at least as high as it was."""


def rounded(value: float) -> int:
    """The value rounded up to 1, 2 or 5 times a power of ten; what is not above 0 is 0."""
    whole = math.ceil(value)
    if whole <= 0:
        return 0
    unit: int = 10 ** (len(str(whole)) - 1)
    return next(step * unit for step in (1, 2, 5, 10) if whole <= step * unit)


class Peak:
    """The highest of a figure's last ``WINDOW`` seconds, rounded: it rises at once, falls late."""

    def __init__(self) -> None:
        self._kept: Final[collections.deque[tuple[float, int]]] = collections.deque()

    def take(self, value: float, now: float) -> int:
        """What to publish, with one more value taken at a time on the monotonic clock."""
        kept, figure = self._kept, rounded(value)
        while kept and kept[-1][1] <= figure:
            kept.pop()
        kept.append((now, figure))
        while kept[0][0] < now - WINDOW:
            kept.popleft()
        return kept[0][1]
