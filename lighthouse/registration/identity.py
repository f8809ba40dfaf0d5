"""This host, as its nodes tell others of it; looked at again and again, for it may change."""

import socket

import msgspec

from lighthouse.net.address import default_address


class HostIdentity(msgspec.Struct, frozen=True):
    """The host's name, and the address of its default route; None while there is none."""

    name: str
    address: str | None


def look(known: HostIdentity | None = None) -> HostIdentity:
    """What the host is called now, and where others reach it.

    While there is no default route the address that was ``known`` stays: a network that is
    started anew has none for a moment. No address is ever made up in its place.
    """
    address = default_address()
    if address is None and known is not None:
        address = known.address
    return HostIdentity(socket.gethostname(), address)
