"""A bounded connection as client libraries expect a socket to be."""

from typing import Final

from lighthouse.net.connection import BoundedConnection

MAX_ANSWER: Final = 1024 * 1024
"""Bytes that a library may read in all: no probe's answer is longer, whoever sends it."""


class Lent:
    """Hands a ``BoundedConnection`` to a library; its owner keeps the time limits and closes it.

    A library's own time limits begin anew with every call, so they are not taken.
    """

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection: Final = connection
        self._room = MAX_ANSWER

    def recv(self, size: int) -> bytes:
        """What came, empty at the end; raises ``OSError`` if it is more than any answer."""
        if self._room <= 0:
            raise OSError(f"more than {MAX_ANSWER} bytes came")
        buffer = bytearray(min(size, self._room))
        count = self._connection.recv_into(buffer)
        self._room -= count
        return bytes(buffer[:count])

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(data)

    def settimeout(self, seconds: float | None) -> None:
        """The owner's time limit holds."""

    def gettimeout(self) -> None:
        """None: there is no limit of a single call."""

    def shutdown(self, how: int) -> None:
        """The owner closes."""

    def close(self) -> None:
        """The owner closes."""
