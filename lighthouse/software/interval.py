"""Not more often than so: what comes in the meantime is done once, with the newest."""

import math
import time
from typing import Final


class MinInterval:
    """Keeps ``interval`` seconds between two times that something was done."""

    def __init__(self, interval: float) -> None:
        self.interval: Final = interval
        self._last = -math.inf

    def left(self) -> float:
        """Seconds until it may be done again, 0 if it may be done now."""
        return max(0.0, self._last + self.interval - time.monotonic())

    def done(self) -> None:
        """It was done, or tried, just now."""
        self._last = time.monotonic()
