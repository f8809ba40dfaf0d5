"""Where a configuration listens: who claims what, and whether it could be bound.

A reload whose new address is taken pauses the live listeners for seconds, and ``haproxy -c``
does not see it coming. Two proxies of one configuration on one address share it silently.
"""

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec
import psutil

from lighthouse.haproxy.schema.directive import words
from lighthouse.haproxy.schema.grammar import is_address

_ELSEWHERE: Final = frozenset({"transparent", "interface", "namespace"})
"""Options under which an address need not be one of this host, so that no trial tells."""

HERE: Final = "# this host"
"""Marks the one of the peers at whose address HAProxy itself listens."""

_UNSURE: Final = frozenset({errno.EACCES, errno.EPERM})
_RANGE: Final = 1000


class Spot(msgspec.Struct, frozen=True, array_like=True, order=True, omit_defaults=True):
    """An address and a port; ``host`` is empty for all addresses. Port 0: a socket's path."""

    host: str
    port: int
    trial: bool = True

    def __str__(self) -> str:
        return f"{self.host or '*'}:{self.port}" if self.port else self.host

    def overlaps(self, other: "Spot") -> bool:
        """Return True if both cannot be had by two."""
        if self.port != other.port:
            return False
        return self.host == other.host or bool(self.port and "" in (self.host, other.host))


def spots(text: str) -> Iterator[Spot]:
    """What the lines of a text bind, our place among the peers included."""
    for line in text.splitlines():
        if line.startswith("    bind "):
            yield from of_words(words(line)[1:])
        elif line.startswith("    peer ") and line.endswith(HERE):
            yield from of_words(words(line)[2:])


def of_words(given: tuple[str, ...]) -> Iterator[Spot]:
    """What a ``bind`` line binds; ``given`` are the words behind ``bind``."""
    sure = _ELSEWHERE.isdisjoint(given[1:])
    for part in given[0].split(",") if given else ():
        if "/" in part:
            yield Spot(part.removeprefix("unix@"), 0, sure)
        elif not part.startswith(("fd@", "abns@", "sockpair@", "quic", "udp")):
            yield from _addresses(part, sure)


class Claims:
    """Who has which spots."""

    def __init__(self, held: Iterable[Spot] = (), owner: str = "") -> None:
        self._by_port: Final[dict[int, list[tuple[Spot, str]]]] = {}
        self.add(held, owner)

    def add(self, taken: Iterable[Spot], owner: str) -> None:
        """Somebody has these."""
        for spot in taken:
            self._by_port.setdefault(spot.port, []).append((spot, owner))

    def owner(self, wanted: Spot) -> str | None:
        """Who has the spot already, or one that it cannot be had beside."""
        for spot, owner in self._by_port.get(wanted.port, ()):
            if spot.overlaps(wanted):
                return owner
        return None


def unbindable(wanted: Iterable[Spot], held: Claims) -> dict[Spot, str]:
    """Why some of these cannot be bound; ``held`` is what HAProxy has already."""
    found: dict[Spot, str] = {}
    for spot in wanted:
        if spot.trial and held.owner(spot) is None and (reason := _fault(spot)):
            found[spot] = f"cannot bind {spot}: {reason}"
    return found


def is_here(ip: str) -> bool:
    """Return True if an address is one of this host.

    What one sends to an own address comes from it; binding it would tell nothing where the
    kernel lets foreign ones be bound. Nothing is sent.
    """
    if ip_address(ip).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect((ip, 9))
        except OSError:
            return False
        return str(trial.getsockname()[0]) == ip


def held_by(pid: int) -> frozenset[Spot] | None:
    """Where a process or a child of it listens; None if it cannot be told."""
    try:
        process = psutil.Process(pid)
        family = (process, *process.children(recursive=True))
        connections = [c for member in family for c in member.net_connections(kind="tcp")]
    except (psutil.Error, OSError):
        return None
    return frozenset(
        Spot("" if c.laddr.ip in ("0.0.0.0", "::") else c.laddr.ip, c.laddr.port)
        for c in connections
        if c.status == psutil.CONN_LISTEN
    )


def _addresses(part: str, sure: bool) -> Iterator[Spot]:
    host, colon, ports = part.rpartition(":")
    host = host.removeprefix("ipv4@").removeprefix("ipv6@").strip("[]")
    low, _, high = ports.partition("-")
    if not colon or not low.isdigit():
        return
    everywhere = host in ("", "*", "0.0.0.0", "::")
    known = everywhere or is_address(host)
    last = int(high) if high.isdigit() else int(low)
    for port in range(int(low), min(last, int(low) + _RANGE) + 1):
        yield Spot("" if everywhere else host, port, sure and known)


def _fault(spot: Spot) -> str:
    if not spot.port:
        directory = Path(spot.host).parent
        return "" if directory.is_dir() else f"there is no directory {directory}"
    family = socket.AF_INET6 if ":" in spot.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((spot.host, spot.port))
            trial.listen(1)
        except OSError as error:
            if error.errno in _UNSURE and os.geteuid():
                return ""
            return error.strerror or str(error)
    return ""
