"""How one cluster stands: what is believed of it, what is doubted, when to ask again.

Nothing here waits or reads a clock; times are ``time.monotonic()`` and come in as arguments.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from lighthouse.discovery import Reading
from lighthouse.dns import members
from lighthouse.dns.lookup import LookupResult, TargetAddresses
from lighthouse.dns.settings import Query

PATIENCE: Final = 3
"""Lookups that a first reading may wait for the addresses of its last targets."""

JITTER: Final = 0.1
"""The part of a wait by which it may be longer, so that hosts do not ask in step."""

RETRY_JITTER: Final = 0.5
"""The same for a wait after a failure, which hosts have met at the same moment."""

_FIRST_RETRY: Final = 1.0


class Pace(msgspec.Struct, frozen=True):
    """The bounds of the time between two lookups, in seconds."""

    shortest: float
    longest: float

    def after(self, ttl: float) -> float:
        return min(max(ttl, self.shortest), self.longest)

    def retry(self, failures: int) -> float:
        return min(_FIRST_RETRY * 2.0 ** min(failures - 1, 10), self.longest)


class NameState:
    """What is known of one cluster."""

    def __init__(self, query: Query, pace: Pace, due: float) -> None:
        self.query: Final = query
        self.due = due
        self.error = ""  # why not all of it is as just asked
        self.failing = False  # nobody answered for its name
        self.asked = False  # whether a lookup has ended yet
        self.reading: Reading | None = None
        self.answered_at: float | None = None
        self.ttl = 0
        self._pace: Final = pace
        self._failures = 0
        self._addresses: dict[str, tuple[str, ...]] = {}  # of targets, the last that were told
        self._doubts: dict[str, float] = {}  # names said to have nothing, and since when

    def fail(self, reason: str, now: float, chance: float) -> None:
        """A lookup got no answer: everything stays, and is asked for again."""
        self.asked = self.failing = True
        self._unsettled(reason, now, self._pace.longest, chance)

    def take(self, found: LookupResult, now: float, chance: float) -> Reading | None:
        """A lookup's answer; the reading that it makes, None if nothing can be said yet.

        ``chance`` (0..1) is that of the jitter.
        """
        self.asked, self.failing = True, False
        self.answered_at, self.ttl = now, found.ttl
        if found.missing:
            return self._nothing(found, now, chance)
        self._doubts.pop(self.query.name, None)
        reasons, open_ones = self._settle(found.targets, now)
        if open_ones and not self._may_tell(found, open_ones):
            self._unsettled(next(iter(open_ones.values())), now, self._wait(), chance)
            return None
        if found.addresses:
            reading = members.of_addresses(self.query.name, self.query.port, found.addresses)
        else:
            reading = members.of_services(found.services, self._addresses, reasons | open_ones)
        self.reading = reading
        unsure = next((place.error for place in found.targets.values() if place.error), "")
        if unsure:
            self._unsettled(unsure, now, self._wait(), chance)
        else:
            self._settled(now, chance)
        return reading

    def _nothing(self, found: LookupResult, now: float, chance: float) -> Reading | None:
        """The name has no records: to be believed when it is said a second time."""
        if not self._believed(self.query.name, found.confirmed, now):
            self._settled(now, chance)
            self.error = f"{found.missing}: to be confirmed"
            return None
        self._addresses.clear()
        self._settled(now, chance)
        self.reading = Reading()
        return self.reading

    def _settle(
        self, targets: Mapping[str, TargetAddresses], now: float
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Take what is new of the targets.

        Returns why some have no address, and why that is open of others, which have none yet.
        """
        names = {*targets, self.query.name}
        self._addresses = {k: v for k, v in self._addresses.items() if k in names}
        self._doubts = {k: v for k, v in self._doubts.items() if k in names}
        reasons, open_ones = {}, {}
        for name, place in targets.items():
            if place.addresses:
                self._addresses[name] = place.addresses
                self._doubts.pop(name, None)
            elif place.missing and self._believed(name, place.confirmed, now):
                self._addresses.pop(name, None)
                reasons[name] = place.missing
            elif name not in self._addresses:
                open_ones[name] = place.error or f"{place.missing}: to be confirmed"
        return reasons, open_ones

    def _may_tell(self, found: LookupResult, open_ones: Mapping[str, str]) -> bool:
        """Return True if a cluster may be reported without the addresses of some targets.

        Not the first time, for an earlier process may have known them and reported them; but
        a target that never resolves must not keep its siblings away for ever.
        """
        known = any(self._addresses.get(name) for name in found.targets)
        patient = self.reading is None and self._failures < PATIENCE - 1
        return known and not patient

    def _believed(self, name: str, confirmed: bool, now: float) -> bool:
        since = self._doubts.setdefault(name, now)
        return confirmed or now - since >= self._pace.shortest

    def _settled(self, now: float, chance: float) -> None:
        self.error = ""
        self._failures = 0
        self.due = now + self._wait() * (1 + JITTER * chance)

    def _unsettled(self, reason: str, now: float, longest: float, chance: float) -> None:
        self.error = reason
        self._failures += 1
        wait = self._pace.retry(self._failures) * (1 + RETRY_JITTER * chance)
        self.due = now + min(wait, longest)

    def _wait(self) -> float:
        return self._pace.after(self.ttl)
