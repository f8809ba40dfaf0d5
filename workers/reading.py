"""What of a discovery plugin's reading is passed on."""

from collections.abc import Mapping

import msgspec

from lighthouse.discovery import Reading, Refusal
from lighthouse.ipc.messages import encode
from lighthouse.node import MAX_NOTES, Node, Refused, parse
from lighthouse.peer import Peer
from lighthouse.workers.limits import one_line

Known = Mapping[tuple[str, int], Node]
"""The nodes of the last reading, by address: they need no second look."""


def admit(reading: Reading, known: Known) -> Reading:
    """The reading with its nodes sorted by address, each valid and each address once.

    A plugin may build nodes by hand, so each new one passes the same grammar again that
    ``lighthouse.node.parse`` holds records to; what fails is refused, and its siblings stay.
    Raises ``TypeError`` for what is no reading at all.
    """
    if not isinstance(reading, Reading):
        raise TypeError(f"expected a Reading, got {type(reading).__name__}")
    nodes: dict[tuple[str, int], Node] = {}
    refused = [Refusal(one_line(r.record), one_line(r.reason)) for r in reading.refused]
    for node in reading.nodes:
        try:
            valid = _checked(node, known)
        except Refused as error:
            refused.append(Refusal(_record(node), one_line(str(error))))
            continue
        first = nodes.setdefault(valid.key, valid)
        if first is not valid:
            refused.append(Refusal(_record(node), f"same address as {first.name}"))
    return Reading(tuple(nodes[key] for key in sorted(nodes)), tuple(refused))


def _checked(node: object, known: Known) -> Node:
    if not isinstance(node, Node):
        raise Refused(f"expected a Node, got {type(node).__name__}")
    try:
        if known.get(node.key) == node:
            return known[node.key]
        fields = msgspec.structs.asdict(node)
        if isinstance(node.peer, Peer):
            fields["peer"] = msgspec.structs.asdict(node.peer)
        valid = parse(fields)
        if node.notes:
            notes = (*map(one_line, node.notes), *valid.notes)
            valid = msgspec.structs.replace(valid, notes=notes[:MAX_NOTES])
        encode(valid)
    except Refused:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise Refused(f"cannot be passed on: {error}") from error
    return valid


def _record(node: object) -> str:
    named = isinstance(node, Node)
    return one_line(f"{node.host}:{node.port}" if named else repr(node), 100)  # type: ignore[attr-defined]
