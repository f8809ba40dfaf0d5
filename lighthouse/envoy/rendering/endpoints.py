"""The nodes of a cluster as Envoy's ClusterLoadAssignment."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lighthouse.envoy.schema.settings import Zones
from lighthouse.node import Node

_TYPE: Final = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


def assignment(cluster: str, nodes: Iterable[Node], zones: Zones) -> dict[str, Any]:
    """All nodes by zone; those of the local zone first, backups last.

    A node of weight 0 is drained: it keeps its connections and gets no new ones.
    """
    groups: dict[tuple[int, str], list[Node]] = {}
    for node in nodes:
        zone = zone_of(node, zones)
        groups.setdefault((_level(node, zone, zones), zone), []).append(node)
    levels = {level: rank for rank, level in enumerate(sorted({level for level, _ in groups}))}
    endpoints = [
        {
            "priority": levels[level],
            "locality": {"zone": zone} if zone else {},
            "lb_endpoints": [_endpoint(node) for node in groups[level, zone]],
        }
        for level, zone in sorted(groups)
    ]
    return {"@type": _TYPE, "cluster_name": cluster, "endpoints": endpoints}


def zone_of(node: Node, zones: Zones) -> str:
    """The zone that a node's metadata tells, empty if none."""
    found = node.metadata.get(zones.key)
    return found if isinstance(found, str) else ""


def places(resource: Mapping[str, Any]) -> set[tuple[str, int]]:
    """The addresses of an assignment."""
    found = set()
    for group in resource.get("endpoints", ()):
        for one in group["lb_endpoints"]:
            address = one["endpoint"]["address"]["socket_address"]
            found.add((address["address"], address["port_value"]))
    return found


def _level(node: Node, zone: str, zones: Zones) -> int:
    away = zones.local is not None and zone != zones.local
    return (2 if node.metadata.get("backup") is True else 0) + (1 if away else 0)


def _endpoint(node: Node) -> dict[str, Any]:
    address = {"socket_address": {"address": node.ip, "port_value": node.port}}
    found: dict[str, Any] = {
        "endpoint": {"address": address},
        "load_balancing_weight": max(1, node.weight),
    }
    if node.weight == 0:
        found["health_status"] = "DRAINING"
    return found
