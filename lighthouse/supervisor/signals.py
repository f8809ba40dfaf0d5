"""Signals as input of the loop: handlers only note, the loop acts."""

import os
import signal
import socket
from collections.abc import Iterable
from typing import Final


class Signals:
    """Collects signals through a descriptor; repeated ones coalesce."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._known: Final = frozenset(numbers)
        for number in self._known:
            signal.signal(number, _note)

    def fileno(self) -> int:
        return self._reading.fileno()

    def drain(self) -> set[signal.Signals]:
        """The signals that came since the last call."""
        try:
            data = os.read(self._reading.fileno(), 4096)
        except BlockingIOError:
            return set()
        return {signal.Signals(number) for number in data} & self._known

    def close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._reading.close()
        self._writing.close()


def _note(number: int, frame: object) -> None:
    """The wakeup descriptor has noted it already."""
