"""One connection of a browser, bounded in everything: how many, how long, how slow."""

import asyncio
import time
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST: Final = 128
"""Connections at once; beyond them the one that has been idle longest makes room."""

IDLE: Final = 15.0
"""Seconds that a connection may take for a request, and lie idle between two."""

STUCK: Final = 20.0
"""Seconds for which a reader may take nothing of what was sent to it."""

LOOK: Final = 5.0

HEAD: Final = 16 * 1024
"""Bytes of a request's first line and headers."""


class BrowserConnection(H11Protocol):
    """An HTTP/1.1 connection whose other end may be slow, silent or hostile."""

    _since = 0.0  # idle, or at a request that is not complete
    _left = 0  # bytes that the reader had not taken at the last look
    _moved_at = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self._moved_at = time.monotonic()
        if len(self.connections) > MOST:
            self._make_room()
        self._timer = self.loop.call_later(LOOK, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._since = time.monotonic()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Return True if no whole request is being answered."""
        if self.conn.their_state is h11.SEND_BODY:
            return True
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        others = [one for one in self.connections if isinstance(one, BrowserConnection)]
        idle = [one for one in others if one.is_idle and one is not self]
        oldest = min(idle, key=lambda one: one._since, default=self)
        self.connections.discard(oldest)
        oldest.transport.abort()

    def _look(self) -> None:
        """End it if it is idle, or stuck, for too long."""
        now = time.monotonic()
        left = self.transport.get_write_buffer_size()
        if left == 0 or left < self._left:
            self._moved_at = now
        self._left = left
        late = self.is_idle and left == 0 and now - self._since > IDLE
        if late or now - self._moved_at > STUCK:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(LOOK, self._look)
