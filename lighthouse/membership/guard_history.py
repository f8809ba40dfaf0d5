"""What the shrink guard of one cluster has done: how often, when, and how it ended."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from lighthouse.membership.guard import HeldLoss

REPLACED_EVERY: Final = 600.0
"""Seconds before it is told again that all nodes were replaced."""

How = Literal["refuted", "obeyed", "dropped"]
"""The nodes came back, the hold has lasted, or there is another beginning: other sources in
the configuration, or a source that was drained or fenced and is back."""


class Trip(msgspec.Struct, frozen=True):
    """One loss that was held back: when (monotonic), ``lost`` of ``whole`` nodes.

    ``scope`` is the source that the guard judged, empty for all together; ``ended_at`` is
    None while it lasts. ``outcome`` is refuted, confirmed, unconfirmed or dropped.
    """

    at: float
    lost: int
    whole: int
    scope: str = ""
    ended_at: float | None = None
    outcome: str = ""


class GuardHistory:
    """The number of trips, and the last of each scope."""

    def __init__(self) -> None:
        self.count = 0
        self._last: Final[dict[str, Trip]] = {}
        self._awaited: Final[dict[str, dict[str, int]]] = {}
        self._replaced_at: Final[dict[str, float]] = {}

    @property
    def last(self) -> Trip | None:
        """The trip that began last."""
        return max(self._last.values(), key=lambda trip: trip.at, default=None)

    def began(self, scope: str, held: HeldLoss) -> str:
        """A loss is held back; returns the line for the log."""
        self.count += 1
        self._last[scope] = Trip(held.since, 0, held.whole, scope)
        self._awaited[scope] = {}
        trip = self.grew(scope, held)
        where = f" from {scope}" if scope else ""
        return (
            f"{trip.lost} of {trip.whole} nodes vanished at once{where}; "
            "held back until that is confirmed"
        )

    def grew(self, scope: str, held: HeldLoss) -> Trip:
        """More nodes may be missing by now."""
        trip = self._last[scope]
        lost = max(trip.lost, held.whole - held.left)
        trip = self._last[scope] = msgspec.structs.replace(trip, lost=lost)
        return trip

    def replaced(self, scope: str, before: int, by: int, now: float) -> str:
        """A reading named none of the nodes before; returns the line for the log, if it is due.

        A name whose addresses are others at each look is told of now and then.
        """
        told_at = self._replaced_at.get(scope)
        if told_at is not None and now < told_at + REPLACED_EVERY:
            return ""
        self._replaced_at[scope] = now
        where = f" of {scope}" if scope else ""
        return (
            f"all {before} nodes{where} were replaced at once, by {by} others; "
            "nothing is held back, since only shrinking is"
        )

    def await_answer(self, scope: str, discovery: str, number: int) -> None:
        """A fresh read of this number was asked for."""
        self._awaited[scope][discovery] = number

    def ended(self, scope: str, how: How, answers: Mapping[str, int], now: float) -> str:
        """A hold is over; returns the line for the log."""
        awaited = self._awaited.pop(scope, {})
        confirmed = bool(awaited) and all(
            answers.get(discovery, 0) >= number for discovery, number in awaited.items()
        )
        outcome = ("confirmed" if confirmed else "unconfirmed") if how == "obeyed" else how
        trip = self._last[scope] = msgspec.structs.replace(
            self._last[scope], ended_at=now, outcome=outcome
        )
        return _TOLD[outcome].format(lost=trip.lost)


_TOLD: Final = {
    "refuted": "enough nodes are there again; nothing is held back any more",
    "confirmed": "the loss of {lost} nodes was confirmed by a fresh read and is obeyed",
    "unconfirmed": "the loss of {lost} nodes is obeyed; no fresh read has come",
    "dropped": "its sources are other ones now, or were lost; nothing is held back any more",
}
