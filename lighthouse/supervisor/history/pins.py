"""Balancers that an operator has pinned to a version, and the snapshots that they serve."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from lighthouse.ipc.snapshot import BalancerSnapshot
from lighthouse.supervisor.history.blank import SecretGone, with_secrets, without_secrets
from lighthouse.supervisor.history.saved import anew
from lighthouse.supervisor.standing_order import StandingOrder, StandingOrders

_log: Final = logging.getLogger("lighthouse.supervisor")


class PinnedSnapshot(msgspec.Struct, frozen=True):
    """What a balancer of that name and plugin is to serve, as it is kept on disk."""

    balancer: str
    plugin: str
    version: int
    snapshot: BalancerSnapshot


class Pins:
    """``orders`` say who, why and until when."""

    def __init__(self) -> None:
        self.orders: Final = StandingOrders("pinned")
        self._snapshots: Final[dict[str, PinnedSnapshot]] = {}
        self._blank: Final[set[str]] = set()  # read from disk, their secrets not yet put back

    def restore(self, snapshots: Iterable[PinnedSnapshot]) -> None:
        """Start from what an earlier run has noted; an order without a snapshot ends."""
        for one in snapshots:
            clusters = tuple(anew(part) for part in one.snapshot.clusters)
            snapshot = msgspec.structs.replace(one.snapshot, clusters=clusters)
            self._snapshots[one.balancer] = msgspec.structs.replace(one, snapshot=snapshot)
            self._blank.add(one.balancer)
        for order in self.orders.all():
            if order.worker[1] not in self._snapshots:
                self.orders.end(order.worker)
                told = "not pinned any more: what it is to serve could not be read"
                _log.warning("balancer %s: version %s: %s", order.worker[1], order.version, told)

    def saved(self, order: StandingOrder) -> tuple[PinnedSnapshot, ...]:
        """All that are in force or will be by an order, fit for a file."""
        names = {name for _, name in (*self.orders.names(), order.worker)}
        return tuple(
            msgspec.structs.replace(one, snapshot=without_secrets(one.snapshot))
            for name, one in sorted(self._snapshots.items())
            if name in names
        )

    def keep(self, order: StandingOrder, plugin: str, snapshot: BalancerSnapshot) -> None:
        """This is what a balancer is to serve once an order is in force."""
        name = order.worker[1]
        self._snapshots[name] = PinnedSnapshot(name, plugin, order.version, snapshot)
        self._blank.discard(name)

    def served(
        self, balancer: str, plugin: str, now: Callable[[], BalancerSnapshot]
    ) -> BalancerSnapshot | None:
        """What a pinned balancer is to serve; None if it is to serve what is known ``now``.

        That is so too if what was left out of it stands nowhere any more, which ends the pin.
        """
        order = self.orders.of(("balancer", balancer))
        if order is None:
            self._snapshots.pop(balancer, None)
            self._blank.discard(balancer)
            return None
        pinned = self._snapshots.get(balancer)
        if pinned is None or pinned.plugin != plugin:
            return None
        if balancer in self._blank:
            try:
                whole = with_secrets(pinned.snapshot, now())
            except SecretGone:
                self.orders.end(order.worker)
                told = "not pinned any more: a secret of that version stands nowhere"
                _log.warning("balancer %s: version %s: %s", balancer, order.version, told)
                return None
            pinned = msgspec.structs.replace(pinned, snapshot=whole)
            self._snapshots[balancer] = pinned
            self._blank.discard(balancer)
        return pinned.snapshot
