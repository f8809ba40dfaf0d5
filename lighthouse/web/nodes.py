"""The nodes of a cluster as the page shows them: a letter each, sorted by zone and name. Pure."""

from typing import Any, Final

import msgspec

from lighthouse.daemon.status_document import ClusterStatus, NodeStatus

UP: Final = "u"
DRAINED: Final = "d"
HELD: Final = "h"
STALE: Final = "s"
DOWN: Final = "x"

_nodes: Final = msgspec.json.Decoder(list[NodeStatus])


class SortedNodes:
    """A cluster's nodes, decoded anew only when they are others."""

    def __init__(self) -> None:
        self._text = b""
        self.nodes: tuple[NodeStatus, ...] = ()
        self.zones: tuple[str, ...] = ()

    def take(self, cluster: ClusterStatus) -> bool:
        """Return True if they are not those of the last time."""
        text = bytes(cluster.nodes)
        if text == self._text:
            return False
        self._text = text
        self.nodes = tuple(sorted(_nodes.decode(text), key=lambda node: (zone(node), node.name)))
        self.zones = tuple(sorted({zone(node) for node in self.nodes} - {""}))
        return True


def zone(node: NodeStatus) -> str:
    """Where a node is, empty if it does not say."""
    found = node.metadata.get("zone", "")
    return found if isinstance(found, str) else str(found)


def states(cluster: ClusterStatus, nodes: tuple[NodeStatus, ...]) -> str:
    """One letter for each node: the worst of what is known of it."""
    plain = STALE if cluster.stale else UP
    if not cluster.withheld and not cluster.held_back and all(node.weight for node in nodes):
        return plain * len(nodes)
    held = frozenset(cluster.held_back)
    kept = {
        place: DRAINED if one.drained else DOWN for one in cluster.withheld for place in one.nodes
    }
    letters = []
    for node in nodes:
        letter = HELD if node.name in held else kept.get(address(node), plain)
        letters.append(DRAINED if letter == plain and not node.weight else letter)
    return "".join(letters)


def why(cluster: ClusterStatus, node: NodeStatus, state: str) -> str:
    """Why a node is in that state, in words."""
    match state:
        case "h":
            return "vanished, and held back by the shrink guard until that is confirmed"
        case "s":
            return "last known: its source is away"
        case "d" | "x":
            by = [one for one in cluster.withheld if address(node) in one.nodes]
            told = [f"{one.balancer}: {one.reason}" for one in by]
            return "; ".join(told) or "its weight is 0"
    return "in, and served"


def address(node: NodeStatus) -> str:
    return f"[{node.ip}]:{node.port}" if ":" in node.ip else f"{node.ip}:{node.port}"


def listed(cluster: ClusterStatus, nodes: tuple[NodeStatus, ...]) -> list[dict[str, Any]]:
    """Every node of an opened cluster, with why it is as it is."""
    return [
        {
            "name": node.name,
            "address": address(node),
            "zone": zone(node),
            "weight": node.weight,
            "state": state,
            "why": why(cluster, node, state),
            "notes": node.notes,
            "metadata": node.metadata,
        }
        for node, state in zip(nodes, states(cluster, nodes), strict=True)
    ]
