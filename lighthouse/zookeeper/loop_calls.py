"""Calls on their way from the connection's thread into the worker's loop."""

import select
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from lighthouse.process.wakeup import Wakeup

SLICE: Final = 0.05
"""Seconds of calls after which the loop has its turn."""


class LoopCalls:
    """Everything that is decided is decided in the loop's thread: the others only post."""

    def __init__(self) -> None:
        self._calls: Final[deque[tuple[Callable[..., None], tuple[Any, ...]]]] = deque()
        self._wakeup: Final = Wakeup()
        self._rung = False

    def fileno(self) -> int:
        """Readable while there is something to do."""
        return self._wakeup.fileno()

    def post(self, call: Callable[..., None], *arguments: Any) -> None:
        """Have this called in the loop; from any thread, and never waits."""
        self._calls.append((call, arguments))
        if not self._rung:
            self._rung = True
            self._wakeup.set()

    def drain(self) -> None:
        """Make the calls that wait, in order, for a slice of time."""
        if not self._rung:
            return
        if not self._wakeup.clear():  # somebody is about to ring
            return
        self._rung = False
        until = time.monotonic() + SLICE
        try:
            while self._calls and time.monotonic() < until:
                call, arguments = self._calls.popleft()
                call(*arguments)
        finally:
            if self._calls and not self._rung:
                self._rung = True
                self._wakeup.set()

    def wait(self, seconds: float) -> None:
        """Wait until there is something to do."""
        select.select([self._wakeup], [], [], seconds)

    def clear(self) -> None:
        """Make none of the calls that wait."""
        self._calls.clear()
