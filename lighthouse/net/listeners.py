"""At which addresses of this host somebody listens."""

import ipaddress
import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

_TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN: Final = "0A"

Listeners = Mapping[int, frozenset[str]]
"""The addresses that are listened at, by port."""


def listeners() -> Listeners:
    """Those of this host now; none where the kernel does not tell."""
    found: dict[int, frozenset[str]] = {}
    for table in _TABLES:
        with suppress(OSError), open(table, encoding="ascii") as rows:
            for port, address in parse(rows):
                found[port] = found.get(port, frozenset()) | {address}
    return found


def parse(rows: Iterable[str]) -> Iterable[tuple[int, str]]:
    """The listening sockets of a table as proc(5) describes it; they come first in it."""
    for row in _listening(rows):
        address, _, port = row.split()[1].partition(":")
        words = bytes.fromhex(address)
        if sys.byteorder == "little":
            words = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
        family = socket.AF_INET if len(words) == 4 else socket.AF_INET6
        yield int(port, 16), socket.inet_ntop(family, words)


def _listening(rows: Iterable[str]) -> Iterable[str]:
    """The rows of listening sockets, without a look at all connections of a busy host."""
    for number, row in enumerate(rows):
        if number and row.split()[3] != _LISTEN:
            return
        if number:
            yield row


def unreachable(host: str, port: int, advertised: str, found: Listeners) -> str:
    """Why others do not reach a port at the address that they are told; empty if they may.

    ``host`` is where it is reached from here. Nothing is said of a port of another host, of one
    that nobody listens to, and of an address that is only for this host.
    """
    if host != "localhost" and not _is_loopback_text(host):
        return ""
    addresses = [ipaddress.ip_address(address) for address in found.get(port, ())]
    if not addresses or ipaddress.ip_address(advertised).is_loopback:
        return ""
    if not all(_is_loopback(address) for address in addresses):
        return ""
    where = ", ".join(sorted(map(str, addresses)))
    return (
        f"port {port} is listened to at {where} only, and {advertised} is what others are told: "
        f"they do not reach it; let it listen there, or say `advertise` if that is not the place"
    )


def _is_loopback_text(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
