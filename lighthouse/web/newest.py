"""The newest status document, and how often another one is asked for."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from lighthouse.daemon.status_document import StatusDocument, parse

PACE: Final = 0.25
"""Seconds between two documents at the least, while somebody watches and things change."""

PATIENCE: Final = 2.0
"""Seconds until the next one while somebody watches, though nothing changes but figures."""

UNWATCHED: Final = 10.0
"""Seconds between two documents while nobody watches, for the history of checks and memory."""


class NewestStatus:
    """``want`` asks the supervisor for the next document, with its pace and patience.

    ``text`` is the document as it came, ``made_at`` the wall clock's time of that and ``serial``
    its number, 0 while there is none. Nothing is decoded before somebody needs it.
    """

    def __init__(self, want: Callable[[float, float], None]) -> None:
        self._want: Final = want
        self.text = b"{}"
        self.serial = 0
        self.made_at = 0.0
        self.watching = 0
        self.told: Callable[[], None] = lambda: None
        self._decoded: StatusDocument | None = None
        self._waiting: Final[set[asyncio.Future[None]]] = set()

    @property
    def document(self) -> StatusDocument:
        """The document, decoded; an empty one while there is none."""
        if self._decoded is None:
            self._decoded = parse(self.text)
        return self._decoded

    def start(self) -> None:
        """Ask for the first one."""
        self._want(0.0, 0.0)

    def take(self, payload: memoryview) -> None:
        """Another document has come."""
        self.text, self._decoded = bytes(payload), None
        self.serial += 1
        self.made_at = time.time()
        if self.watching:
            self._want(PACE, PATIENCE)
        else:
            self._want(UNWATCHED, UNWATCHED)
        self.told()
        self.nudge()

    def nudge(self) -> None:
        """Have all who wait look again: what they are told is another."""
        for waiting in list(self._waiting):
            if not waiting.done():
                waiting.set_result(None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """As long as this lasts, somebody sees every change."""
        self.watching += 1
        if self.watching == 1:
            self._want(0.0, PATIENCE)
        try:
            yield
        finally:
            self.watching -= 1

    async def fresh(self, within: float = 1.0) -> None:
        """Wait for a document of this moment; the one that there is stays if none comes."""
        serial, until = self.serial, time.monotonic() + within
        self._want(0.0, 0.0)
        while self.serial == serial and (left := until - time.monotonic()) > 0:
            await self.after(serial, left)

    async def after(self, serial: int, within: float) -> None:
        """Wait until there may be something to tell to who has that document."""
        if self.serial > serial:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(waiting, within)
        finally:
            self._waiting.discard(waiting)
