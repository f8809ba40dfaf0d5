"""``http.client`` on a connection that is bounded as a whole."""

import http.client
import io
from typing import Any, Final, cast

from lighthouse.tcp.connection import Connection


class Client(http.client.HTTPConnection):
    """Speaks HTTP on a connection that its owner opened and will close."""

    def __init__(self, host: str, port: int, connection: Connection) -> None:
        super().__init__(host, port)
        self.sock = cast(Any, _Lent(connection))


class _Lent:
    """What ``http.client`` needs of a socket; it closes its own before it reads the body."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection

    def sendall(self, data: Any) -> None:
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._connection))

    def close(self) -> None:
        """The owner closes."""


class _Reader(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection: Final = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(buffer)
