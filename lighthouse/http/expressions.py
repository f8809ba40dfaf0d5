"""An operator's regular expressions on foreign texts, within bounds that they cannot break.

Each search runs in a helper process, which is killed with whatever it searches. A helper is
kept for the next search; one that has to be killed costs the others nothing.
"""

import contextlib
import socket
import subprocess
import sys
import threading
from typing import Final

from lighthouse.http import matcher
from lighthouse.net.connection import Deadline

LONGEST: Final = 1000
"""Characters of an expression."""

CPU: Final = 0.5
"""Seconds of CPU time of one search; a sane one of 64 KiB takes a hundredth of that."""

_IDLE: Final = 2
"""Helpers that are kept though nobody needs them now."""

_MOST: Final = 16
"""Helpers at work at once."""


class TooCostly(Exception):
    """The search was given up; the text says why."""


class Expressions:
    """The helpers of one process; any thread may search."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._idle: Final[list[_Helper]] = []
        self._slots: Final = threading.BoundedSemaphore(_MOST)

    def search(self, pattern: str, text: bytes, deadline: Deadline) -> bool:
        """Return True if the expression occurs; raises ``TooCostly`` or ``OSError``."""
        if not self._slots.acquire(timeout=deadline.left()):
            raise TooCostly("too many other expressions are being searched for")
        try:
            with self._lock:
                helper = self._idle.pop() if self._idle else None
            if helper is not None:
                with contextlib.suppress(OSError):  # it ended while it was idle
                    return self._ask(helper, pattern, text, deadline)
            return self._ask(_Helper(), pattern, text, deadline)
        finally:
            self._slots.release()

    def close(self) -> None:
        """End the helpers that are kept."""
        with self._lock:
            while self._idle:
                self._idle.pop().kill()

    def _ask(self, helper: "_Helper", pattern: str, text: bytes, deadline: Deadline) -> bool:
        try:
            found = helper.ask(pattern, text, deadline)
        except BaseException:
            helper.kill()
            raise
        self._keep(helper)
        return found

    def _keep(self, helper: "_Helper") -> None:
        with self._lock:
            if len(self._idle) < _IDLE:
                self._idle.append(helper)
                return
        helper.kill()


class _Helper:
    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process: Final = subprocess.Popen(
                [sys.executable, "-I", "-S", matcher.PROGRAM],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )

    def ask(self, pattern: str, text: bytes, deadline: Deadline) -> bool:
        expression = pattern.encode()
        self._socket.settimeout(deadline.left())
        try:
            head = matcher.HEAD.pack(CPU, len(expression), len(text))
            self._socket.sendall(head + expression + text)
            self._socket.settimeout(deadline.left())
            answer = self._socket.recv(1)
        except TimeoutError:
            raise TooCostly("the time is up before the search is done") from None
        if not answer:
            raise TooCostly(f"the search takes more than {CPU:g} s of CPU time")
        return answer == matcher.FOUND

    def kill(self) -> None:
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
