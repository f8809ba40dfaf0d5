"""Standing orders of operators about one worker: that it is paused, or pinned to a version.

An order is a value; times are wall-clock seconds, so that an expiry outlives a restart. Pure.
"""

import time
from collections.abc import Iterable, Set
from typing import Final

import msgspec

Name = tuple[str, str]
"""A worker's kind (balancer, discovery, check) and its name among them."""


class StandingOrder(msgspec.Struct, frozen=True):
    """``until`` None has no end; ``version`` is what a balancer is pinned to, else 0."""

    worker: Name
    since: float
    reason: str
    until: float | None = None
    by: str = ""
    version: int = 0

    def over(self, now: float) -> bool:
        """Return True if its time is over."""
        return self.until is not None and now >= self.until


class StandingOrders:
    """All of one kind that are in force; ``what`` names it: what the worker is."""

    def __init__(self, what: str) -> None:
        self.what: Final = what
        self._orders: Final[dict[Name, StandingOrder]] = {}

    def restore(self, orders: Iterable[StandingOrder]) -> None:
        """Start from what an earlier run has noted."""
        self._orders.update({order.worker: order for order in orders})

    def all(self) -> tuple[StandingOrder, ...]:
        """Sorted by worker."""
        return tuple(self._orders[name] for name in sorted(self._orders))

    def names(self) -> Set[Name]:
        return self._orders.keys()

    def of(self, worker: Name) -> StandingOrder | None:
        return self._orders.get(worker)

    def begin(self, order: StandingOrder) -> None:
        """Put an order in force; one about the same worker keeps its time, the rest is new."""
        known = self._orders.get(order.worker)
        if known is not None and known.version == order.version:
            order = msgspec.structs.replace(order, since=known.since)
        self._orders[order.worker] = order

    def end(self, worker: Name) -> bool:
        """Return True if there was one."""
        return self._orders.pop(worker, None) is not None

    def pass_time(self, now: float) -> list[StandingOrder]:
        """Let go of what is over, which is returned."""
        over = [order for order in self._orders.values() if order.over(now)]
        for order in over:
            del self._orders[order.worker]
        return over

    def next_end(self) -> float | None:
        """When the next one is over."""
        ends = (order.until for order in self._orders.values() if order.until is not None)
        return min(ends, default=None)

    def words(self, worker: Name) -> str:
        """Who ordered what, until when and why; empty if nobody did."""
        order = self._orders.get(worker)
        if order is None:
            return ""
        what = f"is {self.what} to version {order.version}" if order.version else f"is {self.what}"
        by = f" by {order.by}" if order.by else ""
        end = "until that is ended" if order.until is None else f"until {_at(order.until)}"
        return f"{what}{by} {end}: {order.reason}"


def _at(moment: float) -> str:
    """A time of the wall clock as this host's people say it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
