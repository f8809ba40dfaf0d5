"""Processes that are known by their number only, and sending them signals."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

_PROC: Final = Path("/proc")


def words(number: int) -> tuple[str, ...]:
    """The command line of a process; empty if it has ended, or is out of sight."""
    try:
        line = (_PROC / str(number) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(word.decode("utf-8", "replace") for word in line.split(b"\0")[:-1])


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
    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def is_stopped(number: int) -> bool:
    """Return True if a process is stopped, so that it can answer nobody."""
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(number).status() == psutil.STATUS_STOPPED)
    return False
