"""What has to outlive the worker: absences, what was forgotten, a join that has begun."""

import time
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from lighthouse.files import FileTarget

DAY: Final = 86400.0
LONGEST: Final = 300.0
"""Seconds between two looks that count at most as absence: a worker that hung saw nothing."""

GAP: Final = 3600.0
"""Seconds without a worker after which absences begin anew."""

_SPENT: Final = 1000


class Ledger(msgspec.Struct, frozen=True):
    """``absent``: seconds for which fresh snapshots have been without a name.

    ``counted_at``: when that was counted last, and ``forgotten``: when members were, both in
    seconds of the wall clock. ``joining``: the broker's application was about to be stopped,
    and is not known to be started again.
    """

    absent: dict[str, float] = {}
    counted_at: float = 0.0
    forgotten: tuple[float, ...] = ()
    joining: bool = False

    def resumed(self, now: float) -> "Ledger":
        """What counts of it for a worker that starts now.

        Nobody is still absent after a long time in which no worker could see him return.
        """
        if self.absent and not 0 <= now - self.counted_at <= GAP:
            return msgspec.structs.replace(self, absent={})
        return self

    def quota_left(self, most: int, now: float) -> int:
        """How many may be forgotten now; a clock that was put back frees none."""
        return most - sum(1 for when in self.forgotten if when > now - DAY)

    def spend(self, now: float) -> "Ledger":
        """One is about to be forgotten."""
        recent = tuple(when for when in self.forgotten if when > now - DAY)
        return msgspec.structs.replace(self, forgotten=(*recent, now))


def advance(
    absent: Mapping[str, float],
    elapsed: float,
    seen: Collection[str] | None,
    names: Collection[str],
) -> dict[str, float]:
    """How long each of the names is absent, after ``elapsed`` seconds of one snapshot.

    ``seen`` are the names of that snapshot, None unless it was fresh: such a time counts for
    nobody, and ends nobody's absence. Who is seen begins anew.
    """
    if seen is None:
        return dict(absent)
    counted = min(max(elapsed, 0.0), LONGEST)
    return {name: absent.get(name, 0.0) + counted for name in sorted(set(names) - set(seen))}


class LedgerFile:
    """The ledger on disk, written whole or not at all."""

    def __init__(self, path: str) -> None:
        self._target: Final = FileTarget(path, mode=0o600)

    def load(self) -> Ledger:
        """What is kept; of one that cannot be understood, that the day's quota is spent.

        Raises ``OSError``.
        """
        content = self._target.read()
        if content is None:
            return Ledger()
        try:
            return msgspec.json.decode(content, type=Ledger)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Ledger(forgotten=(time.time(),) * _SPENT)

    def save(self, ledger: Ledger) -> None:
        """Have it on disk when this returns. Raises ``OSError``."""
        self._target.write(msgspec.json.encode(ledger))
