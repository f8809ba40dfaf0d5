"""What is to be done later, in the worker's loop."""

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any, Final


class CallTimers:
    """Calls with the moment at which each is due."""

    def __init__(self) -> None:
        self._entries: Final[list[tuple[float, int, Callable[..., None], tuple[Any, ...]]]] = []
        self._numbers: Final = itertools.count()

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Have this called once, so many seconds from now."""
        entry = (time.monotonic() + seconds, next(self._numbers), call, arguments)
        heapq.heappush(self._entries, entry)

    def wait(self) -> float | None:
        """Seconds until something is due; None: nothing is planned."""
        return max(0.0, self._entries[0][0] - time.monotonic()) if self._entries else None

    def run(self) -> None:
        """Make the calls that are due now; what they plan is for the next time."""
        now = time.monotonic()
        due = []
        while self._entries and self._entries[0][0] <= now:
            due.append(heapq.heappop(self._entries))
        while due:
            _, _, call, arguments = due.pop(0)
            try:
                call(*arguments)
            except BaseException:
                for entry in due:
                    heapq.heappush(self._entries, entry)
                raise
