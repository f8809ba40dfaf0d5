"""The address of this host that others can reach."""

import ipaddress
import socket
from typing import Final

_ELSEWHERE: Final = (
    (socket.AF_INET, ("198.51.100.1", 9)),
    (socket.AF_INET6, ("2001:db8::1", 9)),
)
"""Addresses for documentation (RFC 5737, 3849); connecting a datagram socket sends nothing."""


def default_address() -> str | None:
    """The address that the default route uses, None if there is no route; IPv4 comes first.

    Asks the routing table, not the resolver: a host's own name often resolves to 127.0.1.1.
    """
    for family, elsewhere in _ELSEWHERE:
        address = _source(family, elsewhere)
        if address is not None and is_reachable(address):
            return address
    return None


def is_reachable(address: str) -> bool:
    """Return True if hosts elsewhere can reach this address: neither loopback nor link-local.

    A link-local one is what a host gives itself while nobody has told it a better one.
    """
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)


def _source(family: socket.AddressFamily, elsewhere: tuple[str, int]) -> str | None:
    """The address from which this host would send there."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(elsewhere)
            return str(probe.getsockname()[0])
    except OSError:
        return None
