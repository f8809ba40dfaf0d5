"""The reload that failed last, on disk: another worker of ours must not try it at once again.

It is written before the reload and taken away when that has succeeded, so one that was broken
off in the middle counts as failed too.
"""

import logging
import time
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.files import FileTarget
from lighthouse.haproxy.runtime.rate_limit import RateLimit

log: Final = logging.getLogger(__name__)

_BROKEN_OFF: Final = "a reload to this configuration was broken off in the middle"


class Attempt(msgspec.Struct, frozen=True):
    """``until`` is when it may be tried again, by the clock on the wall; ``again``: in seconds."""

    generation: str
    reason: str
    until: float
    again: float


class Attempts:
    """Keeps the last one for whoever comes after us, and has it count for the rate of reloads."""

    def __init__(self, path: str, limit: RateLimit) -> None:
        self._target: Final = FileTarget(path, mode=0o600)
        self._limit: Final = limit
        self.last = self._read()
        if self.last is not None:
            # a clock that was set must not hold it up for longer than was meant
            left = min(self.last.until - time.time(), self.last.again)
            self._limit.recall(self.last.generation, time.monotonic() + left, self.last.again)

    def begin(self, generation: str) -> None:
        """A reload to this generation begins."""
        self._keep(generation, _BROKEN_OFF, self._limit.next_wait(generation))

    def fail(self, generation: str, reason: str) -> None:
        """It failed; the limit knows that already."""
        self._keep(generation, reason, self._limit.last_wait)

    def refuse(self, generation: str, reason: str) -> None:
        """HAProxy could not even be started with it, which counts as a reload that failed."""
        now = time.monotonic()
        self._limit.note(now, now, generation)
        self.fail(generation, reason)

    def forget(self) -> None:
        """What is wanted runs, or was not even tried."""
        if self.last is not None:
            self.last = None
            try:
                self._target.path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be removed: %s", self._target.path, error.strerror)

    def _keep(self, generation: str, reason: str, again: float) -> None:
        self.last = Attempt(generation, reason, time.time() + again, again)
        try:
            self._target.write(msgspec.json.encode(self.last))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._target.path, error.strerror)

    def _read(self) -> Attempt | None:
        try:
            return msgspec.json.decode(Path(self._target.path).read_bytes(), type=Attempt)
        except (OSError, msgspec.DecodeError):
            return None
