"""``http.client`` on a connection that is bounded as a whole."""

import http.client
import io
from typing import Any, Final, Protocol, cast

from lighthouse.net.connection import BoundedConnection


class HttpClient(http.client.HTTPConnection):
    """Speaks HTTP on a connection that its owner opened and will close."""

    def __init__(self, host: str, port: int, connection: BoundedConnection) -> None:
        super().__init__(host, port)
        self.sock = cast(Any, _Lent(connection))


class Readable(Protocol):
    """Where an answer comes from; it may raise ``OSError``."""

    def recv_into(self, buffer: Any) -> int:
        """Wait for bytes; 0 at the end."""


class Received:
    """What ``http.client`` needs of a socket to read an answer from."""

    def __init__(self, source: Readable, size: int = io.DEFAULT_BUFFER_SIZE) -> None:
        self._source: Final = source
        self._size: Final = size

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._source), self._size)


class _Lent(Received):
    """It closes its own before it reads the body, so the owner closes the connection."""

    def __init__(self, connection: BoundedConnection) -> None:
        super().__init__(connection)
        self._connection: Final = connection

    def sendall(self, data: Any) -> None:
        self._connection.sendall(data)

    def close(self) -> None:
        """The owner closes."""


class _Reader(io.RawIOBase):
    def __init__(self, source: Readable) -> None:
        super().__init__()
        self._source: Final = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.recv_into(buffer)
