"""Processes that are known by their number only, and sending them signals."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_STATE, _PARENT = 0, 1
USER_TICKS, SYSTEM_TICKS, THREADS, PAGES = 11, 12, 17, 21
"""Indexes in ``stat``: of CPU time in clock ticks, and of memory in pages, among others."""


def words(number: int) -> tuple[str, ...]:
    """The command line of a process; empty if it has ended, or is out of sight."""
    try:
        line = (_PROC / str(number) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word.decode("utf-8", "replace") for word in line.split(b"\0")[:-1])


def stat(number: int) -> list[bytes]:
    """What /proc/PID/stat says behind the command's name (proc(5)); empty if it has ended."""
    try:
        line = (_PROC / str(number) / "stat").read_bytes()
    except OSError:
        return []
    return line.rpartition(b") ")[2].split()


def parent(number: int) -> int:
    """The parent of a process, 0 if there is no such process."""
    said = stat(number)
    return int(said[_PARENT]) if said else 0


def is_zombie(number: int) -> bool:
    """Return True if it has ended, and nobody has taken notice yet."""
    return _state(number) == b"Z"


def sessions() -> Iterator[tuple[int, int]]:
    """Every process with the session that it is in; none if they cannot be listed now."""
    try:
        names = os.listdir(_PROC)
    except OSError:
        return
    for name in names:
        if name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                yield int(name), os.getsid(int(name))


def started_with(word: str) -> Iterator[int]:
    """The processes that have this word on their command line."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and word in words(int(entry.name)):
            yield int(entry.name)


def end(number: int, what: signal.Signals) -> None:
    """Send a process a signal, if it is still there."""
    with contextlib.suppress(OSError):
        os.kill(number, what)


def is_alive(number: int) -> bool:
    """Return True if there is such a process, and not only what is left of it."""
    return _state(number) not in (b"", b"Z", b"X")


def is_stopped(number: int) -> bool:
    """Return True if a process is stopped, so that it can answer nobody."""
    return _state(number) == b"T"


def _state(number: int) -> bytes:
    said = stat(number)
    return said[_STATE] if said else b""
