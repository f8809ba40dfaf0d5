"""What a worker's deliveries build upon, so that a change costs what changed.

A delivery is a complete snapshot: an older one in sealed memory, the base, which is passed
along each time, and beside it the clusters, or this host's services, that are others by now.
The base is made anew only when too much has changed since for that to be worth while.
"""

from itertools import compress
from operator import is_not
from typing import Final

from lighthouse.ipc.channel import Memory
from lighthouse.ipc.messages import Deliver, encode
from lighthouse.ipc.snapshot import (
    BalancerSnapshot,
    DiscoverySnapshot,
    Part,
    Snapshot,
    WantedServices,
    pack,
)
from lighthouse.process.reserve import is_exhaustion

FEW: Final = 8
SHARE: Final = 8
"""So many clusters may have changed before a new base is made, or one of so many of all."""

ROOM: Final = 32 * 1024
"""Bytes of what is beside a base, which have to fit into one frame."""


class Base:
    """The newest base of one worker; owns its memory."""

    def __init__(self) -> None:
        self._number = 0
        self._snapshot: Snapshot | None = None
        self._memory: Memory | None = None

    def deliver(self, snapshot: Snapshot, version: int) -> tuple[Deliver, Memory]:
        """The message that delivers a snapshot, and the payload that belongs to it.

        Raises ``OSError`` if the system has no room for it.
        """
        message = self._upon_base(snapshot, version)
        if message is None or self._memory is None:
            self._memory, self._snapshot = self._renew(snapshot), snapshot
            self._number += 1
            message = Deliver(version, self._number)
        return message, self._memory

    def _upon_base(self, snapshot: Snapshot, version: int) -> Deliver | None:
        """The message that makes the base this snapshot; None if that is not worth while."""
        match self._snapshot, snapshot:
            case BalancerSnapshot() as base, BalancerSnapshot() as now:
                fresh = since(base, now)
                if fresh is not None and _is_little(fresh, now):
                    return Deliver(version, self._number, fresh)
            case DiscoverySnapshot() as base, DiscoverySnapshot() as now:
                services = services_since(base, now)
                if services is not None and len(encode(services)) <= ROOM:
                    return Deliver(version, self._number, services=services)
        return None

    def _renew(self, snapshot: Snapshot) -> Memory:
        """A snapshot in memory; where no descriptor is left, that of the old base makes room."""
        try:
            memory = Memory(pack(snapshot))
        except OSError as error:
            if self._memory is None or not is_exhaustion(error):
                raise
            self.close()
            return Memory(pack(snapshot))
        self.close()
        return memory

    def close(self) -> None:
        """Let go of the memory; what has been sent of it stays with the receiver."""
        if self._memory is not None:
            self._memory.close()
        self._snapshot = self._memory = None


def since(base: BalancerSnapshot, now: BalancerSnapshot) -> tuple[Part, ...] | None:
    """The clusters that a snapshot has in place of a base's; None if it differs otherwise."""
    if len(base.clusters) != len(now.clusters):
        return None
    if (base.settings, base.unserved) != (now.settings, now.unserved):
        return None
    differ = list(map(is_not, now.clusters, base.clusters))
    fresh = tuple(compress(now.clusters, differ))
    same = [part.name for part in fresh] == [part.name for part in compress(base.clusters, differ)]
    return fresh if same else None


def services_since(base: DiscoverySnapshot, now: DiscoverySnapshot) -> WantedServices | None:
    """The services that a snapshot has in place of a base's; None if it differs otherwise."""
    if (base.settings, base.watch) != (now.settings, now.watch):
        return None
    return WantedServices(now.up, now.down, now.reporters)


def _is_little(fresh: tuple[Part, ...], snapshot: BalancerSnapshot) -> bool:
    few = max(FEW, len(snapshot.clusters) // SHARE)
    return len(fresh) <= few and sum(len(part.body) for part in fresh) <= ROOM
