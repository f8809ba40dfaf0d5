"""What templates are told of clusters and nodes: it changes only if the members do."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.peer import Peer
from lighthouse.template.foreign import foreign, is_plain, original


class NodeFacts(msgspec.Struct, frozen=True):
    """One node. ``name`` is host:port, ``place`` ip:port with IPv6 in brackets.

    ``family`` is 4 or 6; ``role`` is the metadata's, empty if it has none. ``peer`` is the
    lighthouse that registered it, with ``name``, ``ip`` and ``port``, or None.
    """

    cluster: str
    host: str
    ip: str
    port: int
    weight: int
    name: str
    place: str
    family: int
    role: Any
    metadata: dict[Any, Any]
    peer: Peer | None


class ClusterFacts(msgspec.Struct, frozen=True):
    """One cluster; ``config`` is its section for the balancer, ``nodes`` are sorted by address."""

    name: str
    nodes: tuple[NodeFacts, ...]
    config: dict[str, Any]
    meta_cluster: str | None


class FactsStore:
    """Keeps the facts of clusters that did not change."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Cluster, ClusterFacts]] = {}

    def of(self, clusters: Iterable[Cluster]) -> list[ClusterFacts]:
        """The facts of exactly these clusters, in their order; the same objects for equal ones."""
        before, self._known = self._known, {}
        for cluster in clusters:
            held = before.get(cluster.name)
            same = held is not None and held[0] == cluster
            self._known[cluster.name] = held if held and same else (cluster, _facts(cluster))
        return [facts for _, facts in self._known.values()]


def without(clusters: Iterable[ClusterFacts], keys: Iterable[str]) -> list[ClusterFacts]:
    """The clusters without the nodes whose metadata has to be quoted under one of the keys."""
    gone: Final = set(keys)
    return [
        msgspec.structs.replace(
            cluster, nodes=tuple([node for node in cluster.nodes if not _guilty(node, gone)])
        )
        for cluster in clusters
    ]


def _guilty(node: NodeFacts, keys: set[str]) -> bool:
    from_key = {key: value for key, value in node.metadata.items() if key in keys}
    return not is_plain(original(from_key))


def _facts(cluster: Cluster) -> ClusterFacts:
    nodes = tuple([_node(cluster.name, node) for node in cluster.nodes])
    return ClusterFacts(cluster.name, nodes, cluster.config or {}, cluster.meta_cluster)


def _node(cluster: str, node: Node) -> NodeFacts:
    metadata = foreign(node.metadata)
    return NodeFacts(
        cluster=cluster,
        host=node.host,
        ip=node.ip,
        port=node.port,
        weight=node.weight,
        name=node.name,
        place=node.place,
        family=6 if ":" in node.ip else 4,
        role=metadata.get("role", ""),
        metadata=metadata,
        peer=node.peer,
    )
