"""Members that get no traffic on this host though nobody else leaves them out: pure."""

from collections.abc import Iterator, Sequence, Set
from typing import Final

import msgspec

from lighthouse.balancer import Withheld
from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering.fronts import Front
from lighthouse.haproxy.schema.cluster import ClusterSection
from lighthouse.node import Node

LOOP: Final = "this host's own front end of the cluster, to which requests would come back"

Key = tuple[str, int]


def withhold(cluster: Cluster, section: ClusterSection, loops: Set[Key]) -> Iterator[Withheld]:
    """The members that get no new traffic: its own front end, or named by the section."""
    named: dict[str, list[Key]] = {"maintenance": [], "drain": []}
    if section.maintenance or section.drain:
        for node in cluster.nodes:
            if node.key not in loops and (name := section.names(node)):
                named[name].append(node.key)
    if named["maintenance"]:
        yield Withheld(cluster.name, "in maintenance", tuple(named["maintenance"]), asked=True)
    if named["drain"]:
        nodes = tuple(named["drain"])
        yield Withheld(cluster.name, "drained", nodes, asked=True, drained=True)
    if loops:
        yield Withheld(cluster.name, LOOP, tuple(sorted(loops)))


def suspects(nodes: Sequence[Node], front: Sequence[Front]) -> tuple[Node, ...]:
    """The nodes that are the front end itself, if their addresses are of this host."""
    if not front:
        return ()
    return tuple(n for n in nodes if any(part.takes(n.ip, n.port) for part in front))


def taken(nodes: Sequence[Node], held: Sequence[Withheld]) -> tuple[Node, ...]:
    """The nodes to serve: without those that are out, and with no weight if drained."""
    if not held:
        return tuple(nodes)
    drained = {key: each.drained for each in held for key in each.nodes}
    return tuple(
        msgspec.structs.replace(node, weight=0) if node.key in drained else node
        for node in nodes
        if drained.get(node.key, True)
    )
