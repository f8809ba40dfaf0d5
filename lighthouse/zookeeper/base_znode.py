"""The znode above all clusters, without which nothing that an ensemble says is believed."""

import time
from collections.abc import Callable
from typing import Any, Final

from kazoo.protocol.serialization import Exists

from lighthouse.process.timing.timers import Timers
from lighthouse.zookeeper.reads import GONE
from lighthouse.zookeeper.session import ZooKeeperSession

SEEK: Final = 1.0


class BaseZnode:
    """Knows if the znode is there: that is looked up for each connection, and until it is.

    Where it is missing, the path is wrong or the ensemble was emptied: no cluster is empty
    for that.
    """

    def __init__(
        self,
        path: str,
        session: ZooKeeperSession,
        timers: Timers,
        on_change: Callable[[], None],
    ) -> None:
        self.path: Final = path
        self.missing = False
        self._sought = False  # and there is no answer yet
        self._session: Final = session
        self._timers: Final = timers
        self._on_change: Final = on_change
        self._round = 0

    def connected(self, there: bool) -> None:
        """What was found out before anything else was asked through this connection."""
        self._round += 1
        self.missing = self._sought = False
        self._found(there)

    def is_sought(self) -> bool:
        """Return True if it is being looked for, so that ``missing`` may be out of date."""
        return self._sought

    def seek(self) -> None:
        """Look for it again."""
        number = self._round

        def found(stat: Any, error: Exception | None) -> None:
            if number == self._round and not isinstance(error, GONE):
                self._sought = False
                self._found(error is not None or stat is not None)

        if self._session.connected:
            self._sought = True
            self._session.ask(Exists(self.path, None), found)

    def _found(self, there: bool) -> None:
        before, self.missing = self.missing, not there
        if self.missing:
            self._timers.set("base znode", time.monotonic() + SEEK, self._seek_again)
        if before != self.missing:
            self._on_change()

    def _seek_again(self) -> None:
        if self.missing:
            self.seek()
