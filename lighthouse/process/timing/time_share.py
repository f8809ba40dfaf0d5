"""How much of its time a loop gives to one of those that talk to it."""

from typing import Final


class TimeShare:
    """A share of the time, and so many seconds at once for who has been quiet before.

    ``least`` is what one message counts at least, so that many cheap ones have a rate too.
    """

    def __init__(self, share: float = 0.25, burst: float = 2.0, least: float = 0.00025) -> None:
        self._share: Final = share
        self._burst: Final = burst
        self._least: Final = least
        self._left = burst
        self._at = 0.0

    def spend(self, messages: int, seconds: float, now: float) -> float | None:
        """Note what so many messages took; returns when to go on if it was too much."""
        earned = (now - self._at) * self._share
        self._at = now
        self._left = min(self._burst, self._left + earned) - max(seconds, messages * self._least)
        return None if self._left >= 0 else now - self._left / self._share
