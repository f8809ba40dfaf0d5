"""Not more often than so: what comes in the meantime is done once, with the newest."""

import math
import time
from typing import Final


class MinInterval:
    """Keeps ``interval`` seconds between two times that something was done.

    ``waiting`` is set while something is to be done as soon as it may.
    """

    def __init__(self, interval: float) -> None:
        self.interval: Final = interval
        self.waiting = False
        self._last = -math.inf

    def left(self) -> float:
        """Seconds until it may be done again, 0 if it may be done now."""
        return max(0.0, self._last + self.interval - time.monotonic())

    def due(self) -> bool:
        """Return True if something waits, and need not wait any longer."""
        return self.waiting and not self.left()

    def after(self, look: float) -> float:
        """Seconds until what waits may be done, ``look`` if nothing does or it may be done now."""
        left = self.left()
        return min(left, look) if self.waiting and left else look

    def done(self) -> None:
        """It was done, or tried, just now."""
        self._last = time.monotonic()
