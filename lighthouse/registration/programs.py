"""Programs that provide services of this host and are started and stopped by ``lighthouse exec``.

Each is told of by its owner, a client of the daemon. It keeps its service out while it starts and
while it stops; when its owner goes away, until its checks have decided anew. Operators' own
maintenance is apart from that, and counts beside it.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from lighthouse.ipc.program import ProgramPhase
from lighthouse.registration.maintenance import Maintenance

GRACE: Final = 1.0
"""Seconds that a service stays out at least once its owner has gone: one that has only lost its
connection is back before they are over."""

_REASONS: Final = {
    "starts": "its program starts, and is not healthy yet",
    "stops": "its program stops",
    "fails": "its program has ended by itself",
}
_GONE: Final = "who has started its program is gone; its checks are asked anew"


class Program(msgspec.Struct, frozen=True):
    """What an owner said of one port of a service, or of all (None); ``since`` is wall clock."""

    service: str
    port: int | None
    phase: ProgramPhase
    since: float
    by: str = ""
    gone_at: float | None = None

    def provides(self, service: str, port: int) -> bool:
        """Return True if a port of a service is what it is about."""
        return service == self.service and self.port in (None, port)

    def maintenance(self) -> Maintenance | None:
        """What keeps its service out, None if nothing of it does."""
        if self.gone_at is None and self.phase == "serves":
            return None
        reason = _GONE if self.gone_at is not None else _REASONS[self.phase]
        return Maintenance(self.service, self.port, self.since, reason, by=self.by)


class Programs:
    """The newest statement of each owner (a number), and of those that have gone just now."""

    def __init__(self) -> None:
        self._told: Final[dict[int, Program]] = {}
        self._gone: Final[list[Program]] = []

    def tell(self, owner: int, program: Program) -> bool:
        """Take what an owner says; return True if it is not what it said last.

        Whoever is about the same takes the place of one that has gone.
        """
        known = self._told.get(owner)
        if known is not None and _same(known, program):
            return False
        self._told[owner] = program
        about = (program.service, program.port)
        self._gone[:] = [one for one in self._gone if (one.service, one.port) != about]
        return True

    def leave(self, owner: int, now: float, wall: float) -> Program | None:
        """An owner has gone (``now`` is monotonic); returns what it had said last, if anything."""
        known = self._told.pop(owner, None)
        if known is not None:
            self._gone.append(msgspec.structs.replace(known, since=wall, gone_at=now))
        return known

    def of(self, service: str, port: int) -> Maintenance | None:
        """What keeps a port out, None if no program does."""
        for program in (*self._told.values(), *self._gone):
            found = program.maintenance() if program.provides(service, port) else None
            if found is not None:
                return found
        return None

    def settle(self, decided: Callable[[Program], bool], now: float) -> list[Program]:
        """Forget those that have gone and of which all checks have decided; they are returned."""
        over = [
            one
            for one in self._gone
            if one.gone_at is not None and now >= one.gone_at + GRACE and decided(one)
        ]
        self._gone[:] = [one for one in self._gone if one not in over]
        return over

    def next_due(self, now: float) -> float | None:
        """When ``settle`` may decide otherwise though nothing has happened."""
        ends = (one.gone_at + GRACE for one in self._gone if one.gone_at is not None)
        return min((end for end in ends if end > now), default=None)


def _same(one: Program, other: Program) -> bool:
    return msgspec.structs.replace(one, since=other.since) == other
