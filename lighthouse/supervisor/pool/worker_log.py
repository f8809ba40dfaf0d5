"""What a worker writes to its standard output and error, as lines of the supervisor's log.

A worker that writes faster than ``RATE`` waits for it in its own write; nobody else does. Of
what it writes so many lines a second are logged, and as many more at once as ``BURST`` seconds
have; the rest is counted, and said now and then.
"""

import contextlib
import logging
import os
from typing import Final

from lighthouse.ipc.log_lines import parse
from lighthouse.text import redacted

RATE: Final = 512 * 1024
"""Bytes per second that are taken from one worker."""

BURST: Final = 10.0
"""Seconds for which lines that were not written may be made up for, by a traceback or two."""

RECENT: Final = 2.0
"""Seconds for which a flood is taken to go on."""

TOLD: Final = 5.0
"""Seconds between two lines that say how many were left out."""

_CHUNK: Final = 64 * 1024
_LINE: Final = 8 * 1024
_log: Final = logging.getLogger("lighthouse.worker")


class WorkerLog:
    """The reading end of one worker's pipe; owns it.

    ``left_out`` counts the lines that were too many, ``flooded_at`` is when the last was.
    """

    def __init__(self, name: str, descriptor: int, lines: int) -> None:
        os.set_blocking(descriptor, False)
        self._name: Final = name
        self._descriptor: Final = descriptor
        self._rest = b""
        self._level = logging.INFO
        self._taken = 0
        self._second = 0.0
        self._lines: Final = lines
        self._room = lines * BURST
        self._filled_at = 0.0
        self._told = 0
        self._told_at = 0.0
        self.left_out = 0
        self.flooded_at: float | None = None
        self.closed = False

    def flood(self, now: float) -> str:
        """What is written too much just now, in words; empty if nothing is."""
        if self.flooded_at is None or now > self.flooded_at + RECENT:
            return ""
        return f"writes more than {self._lines} lines a second: {self.left_out} are left out"

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
        self._log(lines, now)
        return self._second + 1 if self._taken >= RATE else None

    def close(self) -> None:
        """Log what is left in the pipe, and let go of it."""
        with contextlib.suppress(OSError):
            self._rest += os.read(self._descriptor, _CHUNK)
        self._log(self._rest.split(b"\n"), self._filled_at)
        self._tell()
        os.close(self._descriptor)
        self.closed = True

    def _log(self, lines: list[bytes], now: float) -> None:
        """Log as many of the lines as there is room for, and count the others."""
        most = self._lines * BURST
        self._room = min(most, self._room + self._lines * (now - self._filled_at))
        self._filled_at = now
        logged = min(len(lines), int(self._room))
        self._room -= logged
        for line in lines[:logged]:
            self._write(line)
        if logged < len(lines):
            self.left_out += len(lines) - logged
            self.flooded_at = now
        if self.left_out > self._told and now >= self._told_at + TOLD:
            self._told_at = now
            self._tell()

    def _tell(self) -> None:
        count, self._told = self.left_out - self._told, self.left_out
        if count:
            told = "%s: %d of its lines were left out: it writes more than %d a second"
            _log.warning(told, self._name, count, self._lines)

    def _write(self, line: bytes) -> None:
        text = line[:_LINE].decode("utf-8", "backslashreplace")
        self._level, text = parse(text, self._level)
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text.expandtabs(4))
        text = redacted(text)
        if text.strip():
            _log.log(self._level, "%s: %s", self._name, text)
