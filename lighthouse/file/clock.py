"""A clock that runs only while somebody looks.

Whether a file has changed for 30 seconds cannot be said by who was stopped, or stuck in the
file system, for the last 20 of them. Expiry is measured on this clock, so that a reader which
was away is late to expire a node, never early.
"""

from typing import Final


class ReaderClock:
    """Seconds spent looking; ``longest`` is what one step of the clock can add at most."""

    def __init__(self, longest: float) -> None:
        self._longest: Final = longest
        self._seen_at: float | None = None
        self._now = 0.0

    def tick(self, monotonic: float) -> float:
        """The time, after the step that has passed since the last tick."""
        if self._seen_at is not None:
            self._now += min(monotonic - self._seen_at, self._longest)
        self._seen_at = monotonic
        return self._now

    def skip(self, monotonic: float) -> None:
        """What has passed since the last tick does not count: nothing could be seen."""
        self._seen_at = monotonic
