"""What DNS says of a cluster as nodes; pure functions of it.

The records of the lowest priority are the primary servers; the others are backups, which
their metadata says: ``backup: true``. Weights mean something among the records of one
priority only, and so they do among nodes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from lighthouse.discovery import Reading, Refusal
from lighthouse.dns.answer import SrvRecord
from lighthouse.node import MAX_WEIGHT, Node, Refused, parse

Addresses = Mapping[str, Sequence[str]]


def of_addresses(name: str, port: int, addresses: Iterable[str]) -> Reading:
    """One node for each address of a name."""
    return _reading((name, address, port, 1, {}) for address in addresses)


def of_services(
    services: Iterable[SrvRecord], addresses: Addresses, reasons: Mapping[str, str]
) -> Reading:
    """One node for each address of each record's target.

    A target without addresses is refused with its reason, and its siblings stay. The
    addresses of a target share its weight.
    """
    entries: list[tuple[str, str, int, int, dict[str, Any]]] = []
    refused = []
    groups = groupby(sorted(services), key=lambda service: service.priority)
    for number, (priority, group) in enumerate(groups):
        metadata: dict[str, Any] = {"priority": priority}
        if number:
            metadata["backup"] = True
        places, shares = [], []
        for service in group:
            found = addresses.get(service.target, ())
            if not found:
                record = f"{service.target}:{service.port}"
                refused.append(Refusal(record, reasons.get(service.target, "has no address")))
            places += [(service.target, address, service.port) for address in found]
            shares += [service.weight / len(found) for _ in found]
        weights = scaled(shares)
        entries += [(*place, w, metadata) for place, w in zip(places, weights, strict=True)]
    reading = _reading(entries)
    return Reading(reading.nodes, (*refused, *reading.refused))


def scaled(shares: Sequence[float]) -> list[int]:
    """Weights 1..256 in the proportions of the shares, as near as whole numbers come.

    Shares that are such numbers already stay as they are, so that a record more changes no
    weight but its own. A share of 0 means "rarely" and gets the least weight: a node's 0 would
    be "never".
    """
    top = max(shares, default=0.0)
    if all(share == int(share) and 1 <= share <= MAX_WEIGHT for share in shares):
        return [int(share) for share in shares]
    if len(set(shares)) == 1:
        return [1] * len(shares)
    return [max(1, round(share * MAX_WEIGHT / top)) for share in shares]


def _reading(entries: Iterable[tuple[str, str, int, int, dict[str, Any]]]) -> Reading:
    nodes: list[Node] = []
    refused: list[Refusal] = []
    for host, ip, port, weight, metadata in entries:
        fields = {"host": host, "ip": ip, "port": port, "weight": weight, "metadata": metadata}
        try:
            nodes.append(parse(fields))
        except Refused as error:
            refused.append(Refusal(f"{host}:{port}", str(error)))
    return Reading(tuple(nodes), tuple(refused))
