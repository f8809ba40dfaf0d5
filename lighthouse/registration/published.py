"""Which nodes this host may have registered, in this run or an earlier one.

A node is noted before a discovery is told of it, and forgotten when its discovery has confirmed
that it is gone. So whatever ends the daemon, a node is noted that does not stand any more rather
than one stands that nobody remembers.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from lighthouse.ipc.payloads import Registration
from lighthouse.node import Node
from lighthouse.service import Place, Service

KEPT: Final = 7 * 86400.0
"""Seconds that a node outlives its discovery's place in the configuration."""


class PublishedNode(msgspec.Struct, frozen=True):
    """A node and the discovery that was told of it.

    ``absent_since`` is when the discovery went (wall clock): there is nobody then who could
    remove the node, unless it comes back.
    """

    discovery: str
    service: Service
    absent_since: float | None = None


class Published:
    """Entries by discovery and place."""

    def __init__(self, entries: Iterable[PublishedNode] = ()) -> None:
        self._entries: Final = {(e.discovery, e.service.place): e for e in entries}
        self._wanted: Final[dict[str, frozenset[Place]]] = {}

    def all(self) -> tuple[PublishedNode, ...]:
        """Sorted, so that equal contents are equal values."""
        return tuple(self._entries[key] for key in sorted(self._entries))

    def want(self, discovery: str, services: Collection[Service]) -> None:
        """A discovery is about to be told to register these, and no others."""
        self._wanted[discovery] = frozenset(service.place for service in services)
        for service in services:
            key = discovery, service.place
            if key not in self._entries:
                self._entries[key] = PublishedNode(discovery, _bare(service))

    def pass_time(self, discoveries: Collection[str], wall: float) -> None:
        """Note which discoveries are not there, and let go of what has been of no use for long."""
        for discovery in self._wanted.keys() - discoveries:
            del self._wanted[discovery]
        for key, entry in list(self._entries.items()):
            there = entry.discovery in discoveries
            if there != (entry.absent_since is None):
                self._entries[key] = msgspec.structs.replace(
                    entry, absent_since=None if there else wall
                )
            elif entry.absent_since is not None and wall >= entry.absent_since + KEPT:
                del self._entries[key]

    def told(self, discovery: str, registrations: Iterable[Registration]) -> None:
        """A discovery says what became of nodes; the answer to an older order is no news."""
        wanted = self._wanted.get(discovery, frozenset())
        for registration in registrations:
            if registration.gone and registration.place not in wanted:
                self._entries.pop((discovery, registration.place), None)

    def superfluous(
        self, discovery: str, provided: Collection[Service], undecided: Collection[tuple[str, int]]
    ) -> list[Service]:
        """The nodes of a discovery that this host does not provide, to be removed.

        An older node of a service's port that nothing is known of yet (``undecided``) is left
        alone: it may stand in the very place in which the service's node of today stands.
        """
        kept = {service.place for service in provided}
        return [
            entry.service
            for entry in self._entries.values()
            if entry.discovery == discovery
            and entry.service.place not in kept
            and entry.service.key not in undecided
        ]


def _bare(service: Service) -> Service:
    """What it takes to remove a node."""
    node = service.node
    return Service(service.name, service.port, Node(node.host, node.ip, node.port))
