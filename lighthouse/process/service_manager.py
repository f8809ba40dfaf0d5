"""Telling the service manager that started this process how it is: sd_notify(3).

What is told goes as one datagram to the socket that the manager names. Nobody waits for it, and
a manager that cannot be told keeps nothing from being done.
"""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Final

_SOCKET: Final = "NOTIFY_SOCKET"
_PERIOD: Final = "WATCHDOG_USEC"
_WATCHED: Final = "WATCHDOG_PID"

_MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """``address`` is that of its socket (``@`` for an abstract one), empty where there is none.

    ``watchdog`` is the number of seconds without ``alive`` after which it takes this process for
    stuck and starts it anew, None if it does not look.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self.watchdog: Final = watchdog if address else None
        self._address: Final = f"\0{address[1:]}" if address.startswith("@") else address

    def __bool__(self) -> bool:
        return bool(self._address)

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> "ServiceManager":
        """The one that the environment names, which names none to later processes any more."""
        address = environment.pop(_SOCKET, "")
        period = environment.pop(_PERIOD, "")
        watched = environment.pop(_WATCHED, "")
        meant = watched in ("", str(os.getpid()))
        watchdog = int(period) / _MICROSECONDS if meant and period.isdecimal() else 0.0
        if not address.startswith(("/", "@")) or address == "@":
            address = ""
        return cls(address, watchdog or None)

    def ready(self) -> None:
        """It has started, or taken its configuration again."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """It takes its configuration again, until it says ``ready``."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self, within: float) -> None:
        """It stops, and will be gone within so many seconds."""
        self._tell("STOPPING=1", _extension(within))

    def busy(self, within: float) -> None:
        """It needs so many seconds from now for what it is asked for."""
        self._tell(_extension(within))

    def status(self, words: str) -> None:
        """How it is, in one line."""
        self._tell(f"STATUS={' '.join(words.split())}")

    def alive(self) -> None:
        """It is not stuck."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender,
        ):
            sender.sendto("\n".join(lines).encode(), self._address)


def _extension(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={int(seconds * _MICROSECONDS)}"
