"""The address of this host that others can reach."""

import socket

_ELSEWHERE = ("198.51.100.1", 9)
"""An address for documentation (RFC 5737); connecting a datagram socket sends nothing."""


def default_address() -> str | None:
    """The address that the default route uses, None if there is no route.

    Asks the routing table, not the resolver: a host's own name often resolves to 127.0.1.1.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])
