"""The worker's end of its guard, which kills what is left of commands once the worker is gone."""

import contextlib
import socket
import subprocess
import sys
import threading
from typing import Final

from lighthouse.software import guard


class Guard:
    """One guard for all commands of this process; started with the first."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def stand(self) -> int:
        """The descriptor on which a command says its group, with a guard at the other end."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._socket is not None
            return self._socket.fileno()

    def ended(self, group: int) -> None:
        """Nothing is left of a command."""
        with self._lock:
            if self._socket is not None:
                say(self._socket.fileno(), guard.ENDED, group)

    def _start(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.PROGRAM],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                process_group=0,
            )


def say(descriptor: int, what: bytes, group: int) -> None:
    """Tell a guard of a group; nothing happens if there is none any more.

    Also used between fork and exec: no lock, no import, and no signal of a closed socket.
    """
    with contextlib.suppress(OSError), socket.socket(fileno=descriptor) as borrowed:
        try:
            borrowed.send(guard.RECORD.pack(what, group), socket.MSG_NOSIGNAL)
        finally:
            borrowed.detach()
