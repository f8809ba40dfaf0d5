"""Which nameservers to ask, and in what order."""

import contextlib
import ipaddress
import os
import re
import time
from collections.abc import Callable
from typing import Final

import msgspec

from lighthouse.schema import shown

PENALTY: Final = 30.0
"""Seconds for which a nameserver that was silent is asked after the others."""

RESOLV_CONF: Final = "/etc/resolv.conf"

_PLACE: Final = re.compile(r"\[(?P<six>[^\]]+)\]:(?P<a>\d+)|(?P<four>[\d.]+):(?P<b>\d+)")
_MOST: Final = 10


class Nameserver(msgspec.Struct, frozen=True):
    """An address and a port that answer DNS queries."""

    ip: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def parse(text: str) -> Nameserver:
    """``address``, ``address:port`` or ``[address]:port``; raises ``ValueError``."""
    found = _PLACE.fullmatch(text)
    ip, port = text, 53
    if found is not None:
        ip, port = found["six"] or found["four"], int(found["a"] or found["b"])
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        raise ValueError(f"expected an IP address or ADDRESS:PORT, got {shown(text)}") from None
    if not 1 <= port <= 65535:
        raise ValueError(f"expected a port 1..65535, got {port}")
    return Nameserver(str(address), port)


def of_system(text: str) -> tuple[Nameserver, ...]:
    """The nameservers in the text of a resolv.conf; as in libc, this host if there are none."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(Nameserver(str(ipaddress.ip_address(words[1]))))
    return tuple(found[:_MOST]) or (Nameserver("127.0.0.1"),)


class Nameservers:
    """Those that are named, or else the system's, whose file is read again when it changes."""

    def __init__(
        self,
        named: tuple[Nameserver, ...],
        resolv_conf: str = RESOLV_CONF,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._named: Final = named
        self._path: Final = resolv_conf
        self._clock: Final = clock
        self._silent_at: Final[dict[Nameserver, float]] = {}
        self._read: tuple[object, tuple[Nameserver, ...]] = (None, of_system(""))

    def all(self) -> tuple[Nameserver, ...]:
        """As configured."""
        return self._named or self._of_system()

    def order(self) -> list[Nameserver]:
        """In the order in which to ask: those that were silent lately come last."""
        since = self._clock() - PENALTY
        return sorted(self.all(), key=lambda one: self._silent_at.get(one, since) > since)

    def silent(self, one: Nameserver) -> None:
        """It did not answer at all."""
        self._silent_at[one] = self._clock()

    def spoke(self, one: Nameserver) -> None:
        self._silent_at.pop(one, None)

    def _of_system(self) -> tuple[Nameserver, ...]:
        try:
            status = os.stat(self._path)
            signature = (status.st_ino, status.st_mtime_ns, status.st_size)
            if self._read[0] != signature:
                with open(self._path, encoding="utf-8", errors="replace") as file:
                    self._read = signature, of_system(file.read(65536))
        except OSError:
            self._read = None, self._read[1]
        return self._read[1]
