"""Where the server listens: a datagram socket and a stream's listener for each place."""

import contextlib
import socket
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lighthouse.dns.nameserver import Nameserver

_BACKLOG: Final = 128
_BUFFER: Final = 1 << 20


class PlaceTaken(OSError):
    """An address cannot be listened on; the text says which, and why."""


class Pair(msgspec.Struct, frozen=True):
    """The two sockets of one place."""

    datagrams: socket.socket
    listener: socket.socket


class Sockets:
    """The open places. What stays wanted stays open, whatever else changes."""

    def __init__(self) -> None:
        self.open: dict[Nameserver, Pair] = {}

    def reach(self, places: Sequence[Nameserver]) -> None:
        """Open what is not open of these; raises ``PlaceTaken`` with nothing changed."""
        opened: dict[Nameserver, Pair] = {}
        try:
            for place in places:
                if place not in self.open:
                    opened[place] = _pair(place)
        except PlaceTaken:
            _close(opened.values())
            raise
        self.open |= opened

    def keep(self, places: Sequence[Nameserver]) -> None:
        """Close all but these."""
        _close(pair for place, pair in self.open.items() if place not in places)
        self.open = {place: pair for place, pair in self.open.items() if place in places}

    def close(self) -> None:
        _close(self.open.values())
        self.open = {}


def _close(pairs: Iterable[Pair]) -> None:
    for pair in pairs:
        pair.datagrams.close()
        pair.listener.close()


def _pair(place: Nameserver) -> Pair:
    family = socket.AF_INET6 if ":" in place.ip else socket.AF_INET
    with contextlib.ExitStack() as undo:
        try:
            datagrams = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            for one in (datagrams, listener):
                one.setblocking(False)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            datagrams.bind((place.ip, place.port))
            listener.bind((place.ip, place.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise PlaceTaken(f"{place} cannot be listened on: {error.strerror}") from error
        undo.pop_all()
    return Pair(datagrams, listener)
