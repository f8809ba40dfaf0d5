"""Signals as input of the loop: handlers only note, the loop acts."""

import logging
import os
import signal
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from lighthouse.process import trace

STRAY: Final = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGIO,
    signal.SIGPWR,
)
"""They mean nothing here, and would end a process that does not say so."""

_log: Final = logging.getLogger("lighthouse.supervisor")


class Signals:
    """Collects signals, and is readable when there are any; repeated ones coalesce.

    Those that mean nothing, as a plugin may send them by mistake, are only logged.

    The descriptor only wakes the loop: what it has no room for (hundreds of children that end
    at once) is noted all the same.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        self._noted: Final[set[signal.Signals]] = set()
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._known: Final = frozenset(numbers)
        for number in (*self._known, *STRAY):
            signal.signal(number, self._note)
        # Inherited: a worker that is asked where it hangs must not end by that while it begins.
        signal.signal(trace.SIGNAL, signal.SIG_IGN)

    def fileno(self) -> int:
        return self._reading.fileno()

    def drain(self) -> set[signal.Signals]:
        """The signals that came since the last call."""
        with suppress(BlockingIOError):
            os.read(self._reading.fileno(), 4096)
        found = set()
        while self._noted:
            found.add(self._noted.pop())
        for stray in found - self._known:
            _log.warning("%s means nothing to the daemon: it goes on", stray.name)
        return found & self._known

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._reading.close()
        self._writing.close()

    def _note(self, number: int, frame: object) -> None:
        self._noted.add(signal.Signals(number))
