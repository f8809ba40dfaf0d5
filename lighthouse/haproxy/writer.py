"""Writes the file after membership changes: debounced, and never in the way of the next one."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from lighthouse.files import FileTarget

log: Final = logging.getLogger(__name__)

QUIET: Final = 0.5
LONGEST: Final = 2.0
RETRY: Final = 5.0
_POLL: Final = 0.05


class Writer:
    """Owns the order of all writes to one target. ``error`` is why the last one failed."""

    def __init__(self, target: FileTarget, render: Callable[[], bytes]) -> None:
        self._target: Final = target
        self._render: Final = render
        self._thread: Final = ThreadPoolExecutor(1, "file")
        self._running: Future[bool] | None = None
        self._since: float | None = None
        self._due: float | None = None
        self.error = ""

    def want(self) -> None:
        """The content has changed; it is written after ``QUIET`` s, ``LONGEST`` at most."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        self._due = min(now + QUIET, self._since + LONGEST)

    def after(self) -> float | None:
        """Seconds until ``step`` has something to do."""
        if self._running is not None:
            return _POLL
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def step(self) -> None:
        """Collect what the thread has done, and give it what is due."""
        if self._running is not None and self._running.done():
            self._collect()
        now = time.monotonic()
        if self._running is None and self._due is not None and self._due <= now:
            self._since = self._due = None
            self._running = self._thread.submit(self._target.write, self._render())

    def failed(self, error: OSError) -> None:
        """A write failed; it is tried again in ``RETRY`` s."""
        self.error = f"{self._target.path} cannot be written: {error.strerror or error}"
        log.warning("%s", self.error)
        self._since = None
        self._due = time.monotonic() + RETRY

    def wait(self) -> None:
        """Let a write that runs come to its end, and forget what is due."""
        if self._running is not None:
            self._collect()
        self._since = self._due = None

    def flush(self) -> None:
        """Write now whatever is due."""
        due = self._due is not None
        self.wait()
        if due:
            self._running = self._thread.submit(self._target.write, self._render())
            self._collect()

    def close(self) -> None:
        self.flush()
        self._thread.shutdown()

    def _collect(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            running.result()
            self.error = ""
        except OSError as error:
            self.failed(error)
