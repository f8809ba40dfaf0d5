"""What a worker writes to its standard output and error, as lines of the supervisor's log.

A worker that writes faster than ``RATE`` waits for it in its own write; nobody else does.
"""

import contextlib
import logging
import os
from typing import Final

from lighthouse.text import redacted

RATE: Final = 512 * 1024
"""Bytes per second that are taken from one worker."""

_CHUNK: Final = 64 * 1024
_LINE: Final = 8 * 1024
_LEVELS: Final = {
    **dict.fromkeys("0123", logging.ERROR),
    "4": logging.WARNING,
    **dict.fromkeys("56", logging.INFO),
    "7": logging.DEBUG,
}
_log: Final = logging.getLogger("lighthouse.worker")


class WorkerLog:
    """The reading end of one worker's pipe; owns it."""

    def __init__(self, name: str, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._name: Final = name
        self._descriptor: Final = descriptor
        self._rest = b""
        self._level = logging.INFO
        self._taken = 0
        self._second = 0.0
        self.closed = False

    def fileno(self) -> int:
        return self._descriptor

    def read(self, now: float) -> float | None:
        """Log what has been written so far.

        Returns when to read on, if the worker has had its share of this second. Raises
        ``EOFError`` once nobody holds the writing end any more.
        """
        if now - self._second >= 1:
            self._second, self._taken = now, 0
        if self._taken >= RATE:
            return self._second + 1
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return None
        if not data:
            raise EOFError
        self._taken += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._write(line)
        return self._second + 1 if self._taken >= RATE else None

    def close(self) -> None:
        """Log what is left in the pipe, and let go of it."""
        with contextlib.suppress(BlockingIOError):
            self._rest += os.read(self._descriptor, _CHUNK)
        for line in self._rest.split(b"\n"):
            self._write(line)
        os.close(self._descriptor)
        self.closed = True

    def _write(self, line: bytes) -> None:
        text = line[:_LINE].decode("utf-8", "backslashreplace")
        if len(text) > 2 and text[0] == "<" and text[2] == ">" and text[1] in _LEVELS:
            self._level, text = _LEVELS[text[1]], text[3:]
        elif not text.startswith("\t"):
            self._level = logging.INFO
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text.expandtabs(4))
        text = redacted(text)
        if text.strip():
            _log.log(self._level, "%s: %s", self._name, text)
