"""What is told of an ensemble: connected, or what keeps it from being of use."""

import time
from collections.abc import Callable
from typing import Final

from lighthouse.discovery import Connection, OnConnection
from lighthouse.process.timing.timers import Timers
from lighthouse.zookeeper.session import ZooKeeperSession

SETTLE: Final = 0.5
"""Seconds that trouble behind a good connection may last before it is told."""


class ConnectionReport:
    """Tells of each change once.

    ``trouble`` says what is wrong though the session is connected, empty if nothing is;
    ``is_unsure``: its answer may be out of date, so that it is waited for.
    """

    def __init__(
        self,
        session: ZooKeeperSession,
        timers: Timers,
        trouble: Callable[[], str],
        is_unsure: Callable[[], bool],
        on_connection: OnConnection,
    ) -> None:
        self._session: Final = session
        self._timers: Final = timers
        self._trouble: Final = trouble
        self._is_unsure: Final = is_unsure
        self._on_connection: Final = on_connection
        self._said: tuple[Connection, str] | None = None

    @property
    def told(self) -> str:
        """What was told last, in words."""
        return ": ".join(filter(None, self._said or ("connecting",)))

    def tell(self) -> None:
        """Say that all is well at once, and that it is not when that lasts."""
        if not self._session.connected:
            return
        if self._trouble():
            self._complain_later()
        else:
            self.say("connected", "")

    def say(self, state: Connection, reason: str) -> None:
        """Tell a state and its reason, if they are others than before."""
        if (state, reason) != self._said:
            self._said = state, reason
            self._on_connection(state, reason)

    def _complain_later(self) -> None:
        if not self._timers.pending("complain"):
            self._timers.set("complain", time.monotonic() + SETTLE, self._complain)

    def _complain(self) -> None:
        trouble = self._trouble()
        if self._session.connected and self._is_unsure():
            self._complain_later()
        elif self._session.connected and trouble:
            self.say("suspended", trouble)
