"""When the next reload may be: at once after a quiet time, then at a bounded rate.

Pure but for what it remembers; times are ``time.monotonic()``.
"""

from collections import deque
from typing import Final

import msgspec

AGAIN: Final = 30.0
"""Seconds until a configuration whose reload failed is tried again; then twice as long."""

_LONGEST: Final = 600.0
"""A reload that fails, as for an address that is taken, may keep listeners from accepting."""

_HOUR: Final = 3600.0
_FACTOR: Final = 2
"""At least so many times the last reload's duration lie between two."""


class Wait(msgspec.Struct, frozen=True):
    """Seconds until a reload may be, and why; ``spent``: the hour's budget is used up."""

    seconds: float = 0.0
    reason: str = ""
    spent: bool = False


class RateLimit:
    """The reloads of one HAProxy."""

    def __init__(self, interval: float, per_hour: int) -> None:
        self._interval: Final = interval
        self._per_hour: Final = per_hour
        self._times: Final[deque[float]] = deque(maxlen=per_hour)
        self._next = 0.0
        self._failed: tuple[str, float] = ("", 0.0)
        self.last_wait = AGAIN

    def wait(self, now: float, generation: str) -> Wait:
        """How long a reload to this generation has to wait."""
        failed, until = self._failed
        if failed == generation and until > now:
            return Wait(until - now, "the last try failed")
        if len(self._times) == self._per_hour and self._times[0] + _HOUR > now:
            left = self._times[0] + _HOUR - now
            text = f"{self._per_hour} reloads within an hour are the limit (reloads_per_hour)"
            return Wait(left, text, spent=True)
        return Wait(max(0.0, self._next - now))

    def note(self, began: float, ended: float, failed: str = "") -> None:
        """A reload took place; ``failed`` is the generation of one that failed."""
        self._times.append(began)
        self._next = max(began + self._interval, ended + _FACTOR * (ended - began))
        self.last_wait = self.next_wait(failed)
        self._failed = (failed, ended + self.last_wait) if failed else ("", 0.0)

    def next_wait(self, failed: str) -> float:
        """Seconds until this generation would be tried again if it failed now."""
        same = failed != "" and failed == self._failed[0]
        return min(2 * self.last_wait, _LONGEST) if same else AGAIN

    def recall(self, failed: str, until: float, waited: float) -> None:
        """A generation failed before our time, and waits ``waited`` seconds, until then."""
        self._failed, self.last_wait = (failed, until), waited

    def hold(self, until: float) -> None:
        """No reload before that time."""
        self._next = max(self._next, until)

    def last_hour(self, now: float) -> int:
        """The number of reloads within the last hour."""
        return sum(time + _HOUR > now for time in self._times)
