"""What a host provides: a port to check, and the node to register while it is healthy."""

from typing import Any

import msgspec

from lighthouse.node import Node

Place = tuple[str, str, str, int]
"""What tells one node in a source from all others: cluster, host, ip, port."""


class Service(msgspec.Struct, frozen=True):
    """One port of a service of this host.

    ``name`` is the cluster that the node joins. ``node`` is what is registered: the address
    that others reach, weight and metadata.
    """

    name: str
    port: int
    node: Node

    @property
    def key(self) -> tuple[str, int]:
        return self.name, self.port

    @property
    def place(self) -> Place:
        """Where the node stands in a source; another one is another node."""
        return self.name, self.node.host, self.node.ip, self.node.port


class Probe(msgspec.Struct, frozen=True):
    """One health check to repeat: which service, how often, and what it was last known to be.

    ``interval`` and ``timeout`` are seconds; ``rise`` and ``fall`` are consecutive results.
    ``host`` and ``port`` are where the service is reached locally. ``passing`` is the verdict
    of an earlier worker (None: never decided), from which rise and fall go on. Another number
    ``asked`` than before has it decided anew.
    """

    service: str
    host: str
    port: int
    config: dict[str, Any]
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 1
    fall: int = 1
    passing: bool | None = None
    asked: int = 0

    @property
    def key(self) -> tuple[str, int]:
        return self.service, self.port


class Verdict(msgspec.Struct, frozen=True):
    """What rise and fall make of a probe's results, with the newest one's reason.

    ``metadata`` is what the check found out about the service (its role, its lag); it is
    published with the node. ``performed_at`` is when it had its newest result, in
    ``time.monotonic()``, 0 if there is none yet; ``took`` is seconds.
    ``asked`` is that of its probe.
    """

    service: str
    port: int
    passing: bool | None
    reason: str = ""
    metadata: dict[str, Any] = {}
    performed_at: float = 0.0
    took: float = 0.0
    asked: int = 0


class Performed(msgspec.Struct, frozen=True, array_like=True):
    """When a probe had its newest result, in ``time.monotonic()``."""

    service: str
    port: int
    at: float
