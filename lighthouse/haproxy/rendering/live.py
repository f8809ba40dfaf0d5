"""A server as HAProxy runs it: as its socket tells, or as the file has it that it has loaded."""

from collections.abc import Mapping

import msgspec


class Live(msgspec.Struct, frozen=True):
    """A server as HAProxy runs it. ``state``: as it was last set by us or anyone.

    ``initial`` is the weight that its line in the file gave it.
    """

    id: int
    ip: str
    port: int
    weight: int
    state: str = "ready"
    initial: int = 1


Lives = Mapping[str, Mapping[str, Live]]
"""The running servers by backend and name."""
