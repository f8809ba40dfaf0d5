"""From several sources' nodes to one cluster's: the union, a choice, or shares of the weight.

All of it is pure, and an address counts once, however many sources name it.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from lighthouse.config.policy import Failover
from lighthouse.membership import loss
from lighthouse.membership.loss import Stage
from lighthouse.node import MAX_WEIGHT, Node

NodeKey = tuple[str, int]


class Offer(msgspec.Struct, frozen=True):
    """What one source has to give, and what its being away makes of it."""

    discovery: str
    nodes: tuple[Node, ...]
    stage: Stage = "keep"


def union(readings: Iterable[tuple[Node, ...]]) -> tuple[Node, ...]:
    """All nodes, sorted; of two records of one address the first counts."""
    found = list(readings)
    if len(found) == 1:
        return found[0]
    nodes: dict[NodeKey, Node] = {}
    for reading in found:
        for node in reading:
            nodes.setdefault(node.key, node)
    return tuple(nodes[key] for key in sorted(nodes))


def owners(offers: Sequence[Offer]) -> dict[NodeKey, Offer]:
    """The source that each address counts for: the first of those that are least lost."""
    found: dict[NodeKey, Offer] = {}
    ranked = sorted(offers, key=lambda offer: loss.rank(offer.stage))
    for offer in ranked:
        for node in offer.nodes:
            found.setdefault(node.key, offer)
    return found


def lessen(nodes: tuple[Node, ...], offers: Sequence[Offer]) -> tuple[Node, ...]:
    """The nodes, less what the loss of sources takes from them.

    A node that any source which is there vouches for is served as it is. One that no source
    names any more (the guard holds it back) fares as the worst of them.
    """
    stages = [offer.stage for offer in offers]
    if loss.worst(stages) == "keep":
        return nodes
    owner = owners(offers)
    records = {(o.discovery, node.key): node for o in offers for node in o.nodes}
    found = []
    for node in nodes:
        mine = owner.get(node.key)
        record = node if mine is None else records[mine.discovery, node.key]
        stage = loss.worst(stages) if mine is None else mine.stage
        served = loss.apply(stage, record)
        if served is not None:
            found.append(served)
    return tuple(found)


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


def share_out(
    nodes: tuple[Node, ...], owner: Mapping[NodeKey, str], shares: Mapping[str, int]
) -> tuple[Node, ...]:
    """The nodes, with weights that give each source's nodes its share of the total.

    Within a source weights keep their proportions. The share of a source without a usable
    node goes to the others. Where a share is too small for each node to have a part of it,
    the first of them have it: the ratio between sources is what was asked for.
    """
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(owner[node.key], []).append(node)
    totals = {d: sum(node.weight for node in group) for d, group in groups.items()}
    usable = [d for d, total in totals.items() if total]
    parts = {d: shares.get(d, 0) for d in usable}
    if not any(parts.values()):
        parts = dict.fromkeys(usable, 1)
    ideal = {
        node.key: Fraction(node.weight * parts[d], totals[d]) if d in parts else Fraction(0)
        for d, group in groups.items()
        for node in group
    }
    largest = max(ideal.values(), default=Fraction(0))
    if not largest:
        return nodes
    scale = MAX_WEIGHT / largest
    weights: dict[NodeKey, int] = {}
    for group in groups.values():
        weights |= _rounded({node.key: ideal[node.key] * scale for node in group})
    return tuple(msgspec.structs.replace(node, weight=weights[node.key]) for node in nodes)


def _rounded(ideal: Mapping[NodeKey, Fraction]) -> dict[NodeKey, int]:
    """Whole numbers with the rounded sum of the ideal ones: the largest remainders go up."""
    floors = {key: int(value) for key, value in ideal.items()}
    missing = round(sum(ideal.values())) - sum(floors.values())
    up = set(sorted(ideal, key=lambda key: (floors[key] - ideal[key], key))[:missing])
    return {key: floor + (key in up) for key, floor in floors.items()}
