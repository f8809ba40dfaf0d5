"""From several sources' nodes to one cluster's: the union, or shares of the weight.

All of it is pure, and an address counts once, however many sources name it.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

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
