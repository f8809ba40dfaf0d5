"""Return whether a PostgreSQL server lets anybody in, without being anybody there."""

import struct
from typing import Final

from lighthouse.net.connection import BoundedConnection, Deadline
from lighthouse.net.tls import Contexts

_PROTOCOL: Final = 3 << 16
_MOST: Final = 4096
_SHUT: Final = ("57P01", "57P02", "57P03")
"""What a server answers that starts, stops, or is in recovery and not yet open for anybody."""


def answers(host: str, port: int, seconds: float) -> bool:
    """Return True if a server there would go on to a login.

    One that refuses the login, or has no connection left, is alive as well.
    """
    try:
        connection = BoundedConnection.open(host, port, Contexts(False), Deadline(seconds))
    except OSError:
        return False
    try:
        words = b"user\0lighthouse\0database\0postgres\0\0"
        connection.sendall(struct.pack("!ii", 8 + len(words), _PROTOCOL) + words)
        return _alive(connection)
    except OSError:
        return False
    finally:
        connection.close()


def _alive(connection: BoundedConnection) -> bool:
    """Judge by the first message of the answer."""
    found = b""
    buffer = bytearray(_MOST)
    while len(found) < _MOST and not _whole(found):
        count = connection.recv_into(buffer)
        if not count:
            break
        found += buffer[:count]
    if not found.startswith(b"E"):
        return found.startswith(b"R")
    fields = found[5:].split(b"\0")
    codes = [field[1:].decode("ascii", "replace") for field in fields if field[:1] == b"C"]
    return not any(code in _SHUT for code in codes)


def _whole(found: bytes) -> bool:
    if len(found) < 5:
        return False
    return not found.startswith(b"E") or len(found) > struct.unpack("!i", found[1:5])[0]
