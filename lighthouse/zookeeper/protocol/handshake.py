"""A session that is opened and closed again, in kazoo's encoding but without its threads."""

import struct
from typing import Final

from kazoo.exceptions import EXCEPTIONS
from kazoo.protocol.serialization import Close, Connect, reply_header_struct

from lighthouse.net.connection import BoundedConnection
from lighthouse.zookeeper.protocol.four_letter_words import NotServing

TIMEOUT: Final = 4000
"""Milliseconds after which the server forgets a session that could not be closed."""

_MOST: Final = 4096
_LENGTH: Final = struct.Struct("!i")
_REQUEST: Final = struct.Struct("!ii")


def greet(connection: BoundedConnection, read_only: bool) -> bool:
    """Open a session and close it; return True if the server is in read-only mode.

    ``read_only`` says that such a server will do. Raises ``NotServing`` or ``OSError``.
    """
    _send(connection, bytes(Connect(0, 0, TIMEOUT, 0, bytes(16), read_only).serialize()))
    message = _receive(connection)
    if len(message) == reply_header_struct.size:
        raise NotServing(f"the server refused a session: {_error(message)}")
    try:
        answer, _ = Connect.deserialize(message, 0)
    except struct.error as error:
        raise OSError(f"no ZooKeeper server: {error}") from error
    if answer.time_out <= 0:
        raise NotServing("the server refused a session")
    _send(connection, _REQUEST.pack(1, Close.type) + Close.serialize())
    _receive(connection)
    return bool(answer.read_only)


def _error(header: bytes) -> str:
    """What a reply says that has a header only; a read-only server gives local sessions only."""
    _, _, code = reply_header_struct.unpack(header)
    return EXCEPTIONS[code].__name__ if code in EXCEPTIONS else f"error {code}"


def _send(connection: BoundedConnection, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)) + message)


def _receive(connection: BoundedConnection) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if not 0 <= length <= _MOST:
        raise OSError(f"no ZooKeeper server: an answer of {length} bytes")
    return _exactly(connection, length)


def _exactly(connection: BoundedConnection, length: int) -> bytes:
    message = bytearray()
    while len(message) < length:
        buffer = bytearray(length - len(message))
        count = connection.recv_into(buffer)
        if count == 0:
            raise NotServing("the server closed the connection: it is not serving")
        message += buffer[:count]
    return bytes(message)
