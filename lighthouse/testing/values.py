"""Builders of the values that plugins are handed, short enough for a test."""

from typing import Any

from lighthouse.cluster import Cluster
from lighthouse.node import Node, parse
from lighthouse.peer import Peer
from lighthouse.service import Service


def node(
    place: str, *, host: str = "", weight: int = 1, peer: Peer | None = None, **metadata: Any
) -> Node:
    """A node at ``"10.0.0.1:80"`` or ``"[fd00::1]:80"``; further names are its metadata.

    Raises ``lighthouse.node.Refused`` for what no discovery could deliver.
    """
    ip, _, port = place.rpartition(":")
    record = {"ip": ip.strip("[]"), "port": port, "weight": weight, "metadata": metadata}
    if host:
        record["host"] = host
    if peer is not None:
        record["peer"] = {"name": peer.name, "ip": peer.ip, "port": peer.port}
    return parse(record, strict=True)


def cluster(
    name: str,
    *nodes: Node | str,
    config: dict[str, Any] | None = None,
    known: bool = True,
    stale: bool = False,
    observed_at: float = 0.0,
    meta_cluster: str | None = None,
) -> Cluster:
    """A cluster as a balancer is given it: its nodes sorted; a text is a node's place.

    ``config`` is the balancer's own section of the cluster's file.
    """
    members = [node(one) if isinstance(one, str) else one for one in nodes]
    return Cluster(
        name,
        sorted(members, key=lambda one: one.key),
        config,
        known=known,
        stale=stale,
        observed_at=observed_at,
        meta_cluster=meta_cluster,
    )


def service(name: str, place: str, *, weight: int = 1, **metadata: Any) -> Service:
    """One port of a service of this host, to be registered in the cluster ``name``."""
    member = node(place, weight=weight, **metadata)
    return Service(name, member.port, member)
