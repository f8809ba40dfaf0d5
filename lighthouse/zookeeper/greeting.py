"""A session that is opened and closed again, in kazoo's encoding but without its threads."""

import struct
from typing import Final

from kazoo.protocol.serialization import Close, Connect

from lighthouse.tcp.connection import Connection

TIMEOUT: Final = 4000
"""Milliseconds after which the server forgets a session that could not be closed."""

_MOST: Final = 4096
_LENGTH: Final = struct.Struct("!i")
_REQUEST: Final = struct.Struct("!ii")


def greet(connection: Connection, read_only: bool) -> bool:
    """Open a session and close it; whether the server is in read-only mode.

    ``read_only`` says that such a server will do. Raises ``OSError``.
    """
    _send(connection, bytes(Connect(0, 0, TIMEOUT, 0, bytes(16), read_only).serialize()))
    try:
        answer, _ = Connect.deserialize(_receive(connection), 0)
    except struct.error as error:
        raise OSError(f"no ZooKeeper server: {error}") from error
    if answer.time_out <= 0:
        raise OSError("the server refused a session")
    _send(connection, _REQUEST.pack(1, Close.type) + Close.serialize())
    _receive(connection)
    return bool(answer.read_only)


def _send(connection: Connection, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)) + message)


def _receive(connection: Connection) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if not 0 <= length <= _MOST:
        raise OSError(f"no ZooKeeper server: an answer of {length} bytes")
    return _exactly(connection, length)


def _exactly(connection: Connection, length: int) -> bytes:
    message = bytearray()
    while len(message) < length:
        buffer = bytearray(length - len(message))
        count = connection.recv_into(buffer)
        if count == 0:
            raise OSError("the server closed the connection: it is not serving")
        message += buffer[:count]
    return bytes(message)
