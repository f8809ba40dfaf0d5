"""What is known of this host's checks: their verdicts, how old those are, since when they hold."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.config.schema.types import CheckFile, ServiceFile
from lighthouse.registration import freshness
from lighthouse.registration.freshness import VerdictAge
from lighthouse.service import Performed, Verdict

CheckKey = tuple[str, str, int]
"""A check's plugin, the service file's stem, the port."""


class CheckState(msgspec.Struct, frozen=True):
    """One check of one port; ``verdict`` is None until its worker has said anything.

    ``performed`` is when it had its newest result (monotonic, None: never), ``awaited`` since
    when another one is awaited. ``changed_at`` is when it began to pass or to fail (wall clock,
    None: never). ``lost`` tells that its service counts as down, for there has been no verdict
    for too long. ``asked`` is how often it was asked to decide anew.
    """

    awaited: float
    performed: float | None = None
    verdict: Verdict | None = None
    changed_at: float | None = None
    lost: bool = False
    asked: int = 0

    @property
    def passing(self) -> bool | None:
        """What counts: its verdict, unless that is too old to be believed."""
        if self.lost:
            return False
        return self.verdict.passing if self.verdict is not None else None

    def at(self, performed: float) -> "CheckState":
        """The state after a result of that time, if it is a newer one."""
        if performed <= (self.performed or 0.0):
            return self
        return msgspec.structs.replace(self, awaited=performed, performed=performed, lost=False)


class Checks:
    """Every check of the configuration by its key."""

    def __init__(self) -> None:
        self._states: Final[dict[CheckKey, CheckState]] = {}

    def configure(self, services: Mapping[str, ServiceFile], now: float) -> None:
        """Forget the checks that are no more, and await a verdict of those that are new."""
        wanted = {key for key, _, _ in every(services)}
        for key in self._states.keys() - wanted:
            del self._states[key]
        for key in wanted - self._states.keys():
            self._states[key] = CheckState(now)

    def get(self, key: CheckKey) -> CheckState:
        """What is known of a check; of one that nobody knows: nothing."""
        return self._states.get(key, _UNKNOWN)

    def ask_anew(self, keys: Iterable[CheckKey], now: float) -> None:
        """Believe nothing of these checks that was found out before."""
        for key in keys:
            before = self.get(key)
            self._states[key] = CheckState(
                now, changed_at=before.changed_at, asked=before.asked + 1
            )

    def verdict(self, plugin: str, verdict: Verdict, wall: float) -> bool:
        """Take a verdict; returns True if the check begins to pass or to fail by it.

        An undecided one leaves an earlier decision in force, and what a new worker says before
        it has looked itself is no news. Nor is one of a check that is not wanted any more.
        """
        key = (plugin, verdict.service, verdict.port)
        before = self.get(key)
        if key not in self._states or verdict.asked != before.asked:
            return False
        if before.performed is not None and not verdict.performed_at:
            return False
        known = before.verdict.passing if before.verdict is not None else None
        if verdict.passing is None:
            verdict = msgspec.structs.replace(verdict, passing=known)
        changed = verdict.passing != known
        self._states[key] = msgspec.structs.replace(
            before.at(verdict.performed_at),
            verdict=verdict,
            changed_at=wall if changed else before.changed_at,
        )
        return changed

    def probed(self, plugin: str, performed: Iterable[Performed]) -> bool:
        """Take when probes had their newest results; returns True if one was lost before."""
        found = False
        for one in performed:
            key = (plugin, one.service, one.port)
            state = self._states.get(key)
            if state is not None:
                self._states[key] = state.at(one.at)
                found = found or (state.lost and not self._states[key].lost)
        return found

    def age(self, services: Mapping[str, ServiceFile], now: float) -> list[CheckKey]:
        """Find the checks that are lost by now; returns those that were not before."""
        lost = []
        for key, file, check in every(services):
            state = self._states.get(key)
            if state is not None and not state.lost and self.age_of(file, check, key, now).lost:
                self._states[key] = msgspec.structs.replace(state, lost=True)
                lost.append(key)
        return lost

    def age_of(self, file: ServiceFile, check: CheckFile, key: CheckKey, now: float) -> VerdictAge:
        """How old the verdict of a check is, and what comes of that."""
        return freshness.age(check, file.on_check_loss, self.get(key).awaited, now)

    def next_due(self, services: Mapping[str, ServiceFile], now: float) -> float | None:
        """When the next check is lost unless there is a verdict until then."""
        ages = (
            self.age_of(file, check, key, now)
            for key, file, check in every(services)
            if key in self._states
        )
        left = (age.lost_in for age in ages if age.lost_in is not None and not age.lost)
        soonest = min(left, default=None)
        return None if soonest is None else now + soonest

    def excuse(self, seconds: float, now: float) -> None:
        """Time in which the supervisor itself did not run makes no verdict older."""
        for key, state in self._states.items():
            awaited = min(now, state.awaited + seconds)
            self._states[key] = msgspec.structs.replace(state, awaited=awaited)

    def metadata(self, key: CheckKey) -> dict[str, Any]:
        """What a check found out about its service."""
        verdict = self.get(key).verdict
        return verdict.metadata if verdict is not None else {}


_UNKNOWN: Final = CheckState(0.0)


def every(
    services: Mapping[str, ServiceFile],
) -> Iterator[tuple[CheckKey, ServiceFile, CheckFile]]:
    """Each check of each port of every service."""
    for stem, file in services.items():
        for port in file.ports:
            for check in file.checks:
                yield (check.plugin, stem, port), file, check
