"""Which of several sources is believed, where only one of them is.

It is pure; times are monotonic seconds and come in as arguments.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lighthouse.config.schema.policy import Failover


class FailoverSource(msgspec.Struct, frozen=True):
    """A source as failover sees it; ``away`` is since when it is."""

    discovery: str
    empty: bool
    away: float | None = None


class Choice(msgspec.Struct, frozen=True):
    """The source that is believed, those given up, and since when they are well again."""

    discovery: str | None = None
    given_up: frozenset[str] = frozenset()
    well_since: dict[str, float] = {}


def choose(
    choice: Choice, candidates: Sequence[FailoverSource], rule: Failover, now: float
) -> tuple[Choice, float | None]:
    """Whom to believe now, and when to ask again though nothing has changed.

    A source can be used if it names nodes and is not away for long. While none can, the one
    that was believed stays: its last known nodes are better than none.
    """
    usable = [c for c in candidates if _is_usable(c, rule, now)]
    well = [c.discovery for c in usable if c.away is None]
    since = {d: choice.well_since.get(d, now) for d in choice.given_up if d in well}
    taken = _taken(choice, candidates, usable, since, rule, now)
    given_up = set(choice.given_up)
    if taken is not None and taken != choice.discovery:
        given_up.discard(taken)
        names = [c.discovery for c in candidates]
        later = choice.discovery in names and names.index(choice.discovery) < names.index(taken)
        if choice.discovery is not None and later:
            given_up.add(choice.discovery)
    moments = [at + rule.back_after for d, at in since.items() if d != taken]
    moments += [c.away + rule.after for c in usable if c.away is not None]
    chosen = Choice(taken, frozenset(given_up), {d: at for d, at in since.items() if d != taken})
    return chosen, min((moment for moment in moments if moment > now), default=None)


def _taken(
    choice: Choice,
    candidates: Sequence[FailoverSource],
    usable: Sequence[FailoverSource],
    since: Mapping[str, float],
    rule: Failover,
    now: float,
) -> str | None:
    for candidate in usable:
        name = candidate.discovery
        if name == choice.discovery or all(c.discovery != choice.discovery for c in usable):
            return name
        if name not in choice.given_up:
            if candidate.away is None:
                return name
        elif name in since and now >= since[name] + rule.back_after:
            return name
    if any(c.discovery == choice.discovery for c in candidates):
        return choice.discovery
    return next((c.discovery for c in candidates if not c.empty), None)


def _is_usable(candidate: FailoverSource, rule: Failover, now: float) -> bool:
    gone = candidate.away is not None and now >= candidate.away + rule.after
    return not candidate.empty and not gone
