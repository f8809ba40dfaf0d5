"""Keeps the newest versions that each balancer applied, cheaply: parts are shared, not copied.

What is told of them is worked out when somebody asks.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Set
from typing import Final

import msgspec

from lighthouse.ipc.messages import Applied
from lighthouse.ipc.snapshot import BalancerSnapshot
from lighthouse.supervisor.history.version import AppliedVersion, Trigger, weight

KEPT: Final = 50
"""Versions of each balancer."""

HEAVY: Final = 16 * 1024 * 1024
"""Bytes of each balancer's versions; of what is more the oldest are let go, but for two."""

NAMED: Final = 20
"""So many triggers of a version are told one by one."""

_OF_WEIGHT: Final = ("applied", "unchanged", "degraded")
"""Outcomes by which the software serves what was sent."""


class SentSnapshot(msgspec.Struct, frozen=True):
    """What a balancer's worker was sent last: by which version, when (wall clock), and the same
    moment as ``time.monotonic()``; ``pid`` is its process.
    """

    balancer: str
    plugin: str
    pid: int
    version: int
    at: float
    moment: float
    snapshot: BalancerSnapshot


class HistoryRecorder:
    """``changed`` names the balancers whose history is not on disk."""

    def __init__(self) -> None:
        self._versions: Final[dict[str, deque[AppliedVersion]]] = {}
        self._triggers: Final[dict[str, deque[Trigger]]] = {}
        self._unnamed: Final[dict[str, int]] = {}
        self._reloads: Final[dict[str, tuple[int, int]]] = {}
        self._begun: Final[set[str]] = set()  # that have applied anything in this run
        self.changed: Final[set[str]] = set()

    def names(self) -> Set[str]:
        """Of balancers that have a history."""
        return self._versions.keys()

    def restore(self, balancer: str, versions: Iterable[AppliedVersion]) -> None:
        """Start from what an earlier run has noted."""
        self._versions[balancer] = deque(versions)
        self._prune(self._versions[balancer])

    @property
    def newest(self) -> int:
        """The greatest number of a version that there ever was, as far as is known."""
        return max((found[-1].number for found in self._versions.values() if found), default=0)

    def of(self, balancer: str) -> tuple[AppliedVersion, ...]:
        """The oldest first."""
        return tuple(self._versions.get(balancer, ()))

    def find(self, balancer: str, number: int) -> AppliedVersion | None:
        """The version of that number, None if there is none any more."""
        found = self._versions.get(balancer, ())
        return next((version for version in found if version.number == number), None)

    def since(self, balancer: str, number: int | None) -> tuple[AppliedVersion, ...]:
        """The version of that number with all that are newer, the oldest first.

        Nothing if there is none newer; the newest alone without a number. If it is gone: all.
        """
        found = self.of(balancer)
        if number is None:
            return found[-1:]
        newer = tuple(version for version in found if version.number > number)
        known = self.find(balancer, number)
        return (known, *newer) if known is not None and newer else newer

    def keep(self, balancers: Mapping[str, object]) -> None:
        """Let go of balancers that are no more."""
        for mine in (self._versions, self._triggers, self._unnamed, self._reloads):
            for name in mine.keys() - balancers.keys():
                mine.pop(name)
        self.changed.intersection_update(balancers)
        self._begun.intersection_update(balancers)

    def note(self, balancers: Iterable[str], trigger: Trigger) -> None:
        """Something happened that these balancers will have to follow."""
        for balancer in balancers:
            triggers = self._triggers.setdefault(balancer, deque())
            if len(triggers) < NAMED:
                triggers.append(trigger)
            else:
                self._unnamed[balancer] = self._unnamed.get(balancer, 0) + 1

    def applied(self, sent: SentSnapshot, said: Applied) -> None:
        """A balancer says what became of what it was sent.

        What it had applied before, as after a restart of its worker, is no new version; it has
        the newer number from then on.
        """
        name = sent.balancer
        reloads = self._reloaded(sent, said)
        if said.version != sent.version or said.kind not in _OF_WEIGHT:
            return
        versions = self._versions.setdefault(name, deque())
        last = versions[-1] if versions else None
        if last is not None and (last.plugin, last.snapshot) == (sent.plugin, sent.snapshot):
            if last.number != sent.version:
                self.changed.add(name)
            told = {"number": sent.version, "outcome": said.kind, "reason": said.reason}
            versions[-1] = msgspec.structs.replace(last, **told)
            return
        before = last.snapshot.clusters if last is not None else ()
        triggers, unnamed = self._taken(name, sent.at)
        version = AppliedVersion(
            number=sent.version,
            plugin=sent.plugin,
            at=time.time(),
            outcome=said.kind,
            reason=said.reason,
            seconds=max(0.0, said.applied_at - sent.moment),
            reloads=reloads,
            triggers=triggers,
            unnamed=unnamed,
            snapshot=sent.snapshot,
            weight=weight(before, sent.snapshot.clusters),
        )
        versions.append(version)
        self._prune(versions)
        self.changed.add(name)

    def _taken(self, balancer: str, sent_at: float) -> tuple[tuple[Trigger, ...], int]:
        """What led to a version that was sent then (wall clock)."""
        waiting = self._triggers.get(balancer, deque())
        taken = []
        while waiting and waiting[0].at <= sent_at:
            taken.append(waiting.popleft())
        if not taken:
            taken.append(Trigger("time" if balancer in self._begun else "start", sent_at))
        self._begun.add(balancer)
        return tuple(taken), self._unnamed.pop(balancer, 0)

    def _reloaded(self, sent: SentSnapshot, said: Applied) -> int | None:
        """How many reloads there were since it spoke last, by the count of its own process."""
        count = said.status.get("reloads")
        if not isinstance(count, int):
            return None
        pid, before = self._reloads.get(sent.balancer, (0, 0))
        self._reloads[sent.balancer] = sent.pid, count
        return max(0, count - (before if pid == sent.pid else 0))

    def _prune(self, versions: deque[AppliedVersion]) -> None:
        total = sum(version.weight for version in versions)
        while len(versions) > KEPT or (len(versions) > 2 and total > HEAVY):
            total -= versions.popleft().weight
