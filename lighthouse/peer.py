"""The lighthouse daemon that registered a node."""

import msgspec

DEFAULT_PORT = 1024


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Where the registering daemon runs; proxies use it to share state between hosts.

    ``port`` defaults to 1024, as in the 2016 lighthouse.
    """

    name: str
    ip: str
    port: int = DEFAULT_PORT
