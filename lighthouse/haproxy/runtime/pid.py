"""What a process is that is known by its number only, and sending it signals."""

import contextlib
import itertools
import logging
import os
import signal
from pathlib import Path
from typing import Final

import psutil

log: Final = logging.getLogger(__name__)


def runs_on(number: int, config_file: str) -> bool:
    """Return True if a process was started on a configuration file, or a directory that has it."""
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    given = [word.decode("utf-8", "replace") for word in words]
    if config_file in given:
        return True
    folders = {str(parent) for parent in Path(config_file).parents}
    named = {after.rstrip("/") for before, after in itertools.pairwise(given) if before == "-f"}
    return given[0].endswith("haproxy") and not folders.isdisjoint(named)


def family(number: int) -> tuple[int, ...]:
    """A process and all that came from it."""
    with contextlib.suppress(psutil.Error):
        return (number, *(child.pid for child in psutil.Process(number).children(recursive=True)))
    return ()


def end(number: int, what: signal.Signals) -> None:
    """Send an HAProxy process a signal, if it is still there."""
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


def put_down(master: int) -> None:
    """End a replaced HAProxy that is stopped: it holds ports and will not hear of its end.

    A master is woken to hear of it, so that its worker may finish; a worker is killed.
    """
    for one in family(master):
        if is_stopped(one) and one == master:
            log.warning("HAProxy's master %d is stopped, and is told to go on and end", one)
            end(one, signal.SIGCONT)
        elif is_stopped(one):
            log.warning("HAProxy's process %d is stopped, and is killed", one)
            end(one, signal.SIGKILL)
