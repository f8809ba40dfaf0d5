"""Which connections to a port of this host carry a request: asked of the kernel, sock_diag(7)."""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST_DUMP: Final = 0x301
_DONE: Final = 3
_ERROR: Final = 2
_INFO: Final = 2
"""The attribute with a ``tcp_info``."""

_OPEN: Final = 1 << 1 | 1 << 8
"""Established, and those whose other end has said all that it will."""

_HEADER: Final = struct.Struct("=IHHII")
_ASKED: Final = struct.Struct("=BBBxI")
_SOCKET_ID: Final = struct.Struct(">HH32x")
_ANY: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_MESSAGE: Final = 72
_QUEUES: Final = struct.Struct("=II")
_QUEUES_AT: Final = 56
_ATTRIBUTE: Final = struct.Struct("=HH")
_TIMES: Final = struct.Struct("=IIII")
_TIMES_AT: Final = 44
_BYTES: Final = struct.Struct("=Q")
_BYTES_AT: Final = 128
_BUFFER: Final = 1 << 18
_PATIENCE: Final = 2.0


UNCLEAR: Final = 5.0
"""Seconds for which a connection counts as busy of which the kernel does not tell if it is."""


class Connection(msgspec.Struct, frozen=True):
    """An open connection, seen from the port.

    Seconds since it ``received`` and ``sent`` data, and since the other end last ``confirmed``
    anything; whether something lies unread or unsent; how many bytes came in all.
    """

    received: float
    sent: float
    confirmed: float
    queued: bool
    bytes: int

    def busy(self, quiet: float) -> bool:
        """Return True if a request may be in flight: one that came and has no answer yet, or an
        answer of which something was sent within the last ``quiet`` seconds.

        The kernel counts in ticks of some milliseconds. Where a request came in the same tick as
        an answer went, the answer was the later of the two if it was confirmed by itself.
        """
        if self.queued or min(self.received, self.sent) < quiet:
            return True
        if self.received != self.sent or not self.bytes:
            return self.received < self.sent
        return self.confirmed >= self.received and self.received < UNCLEAR


def connections(ports: Iterable[int]) -> list[Connection]:
    """The open connections to these ports in this network namespace.

    Raises ``OSError`` where the kernel does not tell.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as asking:
        asking.settimeout(_PATIENCE)
        return [
            found
            for port in ports
            for family in (socket.AF_INET, socket.AF_INET6)
            for found in _ask(asking, family, port)
        ]


def _ask(asking: socket.socket, family: int, port: int) -> Iterator[Connection]:
    wanted = _ASKED.pack(family, socket.IPPROTO_TCP, 1 << (_INFO - 1), _OPEN)
    wanted += _SOCKET_ID.pack(port, 0) + _ANY
    length = _HEADER.size + len(wanted)
    asking.send(_HEADER.pack(length, _BY_FAMILY, _REQUEST_DUMP, 1, 0) + wanted)
    while True:
        data = memoryview(asking.recv(_BUFFER))
        while len(data) >= _HEADER.size:
            length, kind, *_ = _HEADER.unpack_from(data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                (number,) = struct.unpack_from("=i", data, _HEADER.size)
                raise OSError(-number, os.strerror(-number))
            yield _read(data[_HEADER.size : length])
            data = data[(length + 3) & ~3 :]


def _read(message: memoryview) -> Connection:
    unread, unsent = _QUEUES.unpack_from(message, _QUEUES_AT)
    rest = message[_MESSAGE:]
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == _INFO:
            sent, _, received, confirmed = _TIMES.unpack_from(rest, _ATTRIBUTE.size + _TIMES_AT)
            (count,) = _BYTES.unpack_from(rest, _ATTRIBUTE.size + _BYTES_AT)
            return Connection(
                received / 1000, sent / 1000, confirmed / 1000, bool(unread or unsent), count
            )
        rest = rest[max(_ATTRIBUTE.size, (length + 3) & ~3) :]
    raise OSError("the kernel tells no times of connections")


def in_flight(ports: Iterable[int], quiet: float) -> str:
    """Why ports are still used, empty if they had no request and no traffic for so many seconds.

    Raises ``OSError`` where the kernel does not tell.
    """
    busy = sum(one.busy(quiet) for one in connections(ports))
    if not busy:
        return ""
    return "1 connection carries a request" if busy == 1 else f"{busy} connections carry requests"
