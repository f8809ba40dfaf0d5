"""Which processes are an HAProxy of ours, and the end of one that is stuck."""

import contextlib
import itertools
import logging
import signal
from pathlib import Path
from typing import Final

import psutil

from lighthouse.process.ending.known import end, is_stopped, words

log: Final = logging.getLogger(__name__)


def runs_on(number: int, config_file: str) -> bool:
    """Return True if a process was started on a configuration file, or a directory that has it."""
    given = words(number)
    if config_file in given:
        return True
    folders = {str(parent) for parent in Path(config_file).parents}
    named = {after.rstrip("/") for before, after in itertools.pairwise(given) if before == "-f"}
    return bool(given) and given[0].endswith("haproxy") and not folders.isdisjoint(named)


def family(number: int) -> tuple[int, ...]:
    """A process and all that came from it."""
    with contextlib.suppress(psutil.Error):
        return (number, *(child.pid for child in psutil.Process(number).children(recursive=True)))
    return ()


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
