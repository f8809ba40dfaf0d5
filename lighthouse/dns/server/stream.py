"""One client's connection: messages with their length before them, one after another."""

import socket
from collections.abc import Callable
from typing import Final

from lighthouse.dns.server.reply import HEADER, LONGEST_QUERY

_READ: Final = 16 * 1024
_UNSENT: Final = 64 * 1024
"""No further query is answered while more bytes than these wait to be taken."""


class Done(Exception):
    """The connection is over: the client has closed it, or does not keep to the protocol."""


class StreamClient:
    """Holds at most one read and two answers; ``since`` is when a client last got on.

    A query is to be sent, and its answer taken, within a time from ``since``: a client that
    sends or takes a byte now and then gains nothing by it.
    """

    def __init__(self, connection: socket.socket, now: float) -> None:
        self.connection: Final = connection
        self.since = now
        self._in = bytearray()
        self._out = bytearray()

    @property
    def waits_to_write(self) -> bool:
        """Return True while answers are not taken; nothing is read meanwhile."""
        return bool(self._out)

    def turn(self, answer: Callable[[bytes], bytes | None], now: float) -> int:
        """Read or write what can be; the number of queries answered. Raises ``Done``."""
        try:
            if self._out:
                self._write(now)
            if not self._out:
                self._read()
            return self._work(answer, now)
        except OSError as error:
            raise Done(str(error)) from error

    def close(self) -> None:
        self.connection.close()

    def _read(self) -> None:
        try:
            data = self.connection.recv(_READ)
        except BlockingIOError:
            return
        if not data:
            raise Done("closed")
        self._in += data

    def _work(self, answer: Callable[[bytes], bytes | None], now: float) -> int:
        answered = 0
        while len(self._in) >= 2 and len(self._out) < _UNSENT:
            length = int.from_bytes(self._in[:2], "big")
            if not HEADER.size <= length <= LONGEST_QUERY:
                raise Done(f"a message of {length} bytes")
            if len(self._in) < 2 + length:
                break
            said = answer(bytes(self._in[2 : 2 + length]))
            del self._in[: 2 + length]
            if said is None:
                raise Done("no query")
            self._out += len(said).to_bytes(2, "big") + said
            answered += 1
            self.since = now
        if self._out:
            self._write(now)
        return answered

    def _write(self, now: float) -> None:
        try:
            sent = self.connection.send(self._out)
        except BlockingIOError:
            return
        del self._out[:sent]
        if not self._out:
            self.since = now
