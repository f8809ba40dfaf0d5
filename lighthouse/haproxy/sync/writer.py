"""Writes the file after membership changes: debounced, and never in the way of the next one.

A file that somebody has edited by hand is left as it is, and said.
"""

import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from lighthouse.files import Edited, FileTarget, Mark
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.render import file_of, is_intact

log: Final = logging.getLogger(__name__)

QUIET: Final = 0.5
LONGEST: Final = 2.0
RETRY: Final = 5.0
_POLL: Final = 0.05

SLOW: Final = 2.0
"""Seconds that a write may take before it is told, and nothing waits for it any more."""


class Writer:
    """Owns the order of all writes to one target.

    ``error`` is why the last one failed, ``edited`` where a hand edit is in the way.
    """

    def __init__(self, target: FileTarget, render: Callable[[], tuple[Chunk, ...] | None]) -> None:
        """``render`` gives the parts of the file, None if nobody knows them now."""
        self._target: Final = target
        self._render: Final = render
        self._thread: Final = ThreadPoolExecutor(1, "file")
        self._running: Future[tuple[str, Mark]] | None = None
        self._since: float | None = None
        self._due: float | None = None
        self._seen: Mark = ()
        self._began_at = 0.0
        self.error = ""
        self.edited = ""

    def want(self) -> None:
        """The content has changed; it is written after ``QUIET`` s, ``LONGEST`` at most."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        self._due = min(now + QUIET, self._since + LONGEST)

    def look(self) -> None:
        """Notice whether somebody else has touched the file."""
        if self._running is None and self._due is None and self._seen != self._target.mark():
            self.want()

    def after(self) -> float | None:
        """Seconds until ``step`` has something to do."""
        if self._running is not None:
            return _POLL if time.monotonic() < self._began_at + SLOW else SLOW
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def step(self) -> None:
        """Collect what the thread has done, and give it what is due."""
        now = time.monotonic()
        if self._running is not None and self._running.done():
            self._collect()
        elif self._running is not None and now >= self._began_at + SLOW:
            self._stuck()
        if self._running is None and self._due is not None and self._due <= now:
            self._since = self._due = None
            self._begin()

    def failed(self, error: OSError) -> None:
        """A write failed; it is tried again in ``RETRY`` s."""
        self.error = f"{self._target.path} cannot be written: {error.strerror or error}"
        log.warning("%s", self.error)
        self._since = None
        self._due = time.monotonic() + RETRY

    def wait(self) -> bool:
        """Let a write that runs come to its end, and forget what is due; False if it hangs."""
        if not self._ends():
            return False
        self._since = self._due = None
        return True

    def close(self) -> None:
        """Write now whatever is due, for the last time; one that hangs is left alone."""
        due = self._due is not None
        if self.wait() and due:
            self._begin()
            self._ends()
        self._thread.shutdown(wait=self._running is None)

    def _ends(self) -> bool:
        """Return True once nothing is being written, within ``SLOW`` seconds of its begin."""
        if self._running is None:
            return True
        wait([self._running], max(0.0, self._began_at + SLOW - time.monotonic()))
        if not self._running.done():
            self._stuck()
            return False
        self._collect()
        return True

    def _stuck(self) -> None:
        """The disk, or whatever is in its place, does not answer."""
        if not self.error:
            log.warning("%s: a write hangs", self._target.path)
        seconds = time.monotonic() - self._began_at
        where = f"{self._target.path} has been being written for {seconds:.0f} s"
        self.error = f"{where}: its file system does not answer; members go on, reloads wait"

    def _begin(self) -> None:
        chunks = self._render()
        if chunks is not None:
            self._began_at = time.monotonic()
            self._running = self._thread.submit(self._write, chunks)

    def _write(self, chunks: tuple[Chunk, ...]) -> tuple[str, Mark]:
        """Where somebody has edited the file, which is left alone then; else it is written.

        With the mark of what was seen or written: whoever touches the file later leaves another.
        """
        content = file_of(chunks)
        mark = self._target.mark()
        there = self._target.read()
        if there is not None and there != content and not is_intact(there):
            return _difference(content, there), mark
        try:
            written = self._target.write(content, over=there)
        except Edited as edit:
            return _difference(content, edit.content), ()
        return "", self._target.written if written else mark

    def _collect(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        try:
            edited, self._seen = running.result()
        except OSError as error:
            self.failed(error)
            return
        if edited and edited != self.edited:
            log.warning("%s has been edited by hand: %s", self._target.path, edited)
        self.edited = edited
        self.error = ""


def _difference(ours: bytes, theirs: bytes) -> str:
    """The first line that differs, and its number."""
    pairs = itertools.zip_longest(ours.splitlines(), theirs.splitlines(), fillvalue=b"")
    for number, (one, other) in enumerate(pairs, 1):
        if one != other:
            shown = other.decode("utf-8", "replace").strip() or "nothing"
            return f"line {number}: {shown[:100]}"
    return "its end"
