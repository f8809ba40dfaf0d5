"""What a host consumes: a named set of nodes, as a balancer is given it."""

from typing import Any

import msgspec

from lighthouse.node import Node


class Cluster(msgspec.Struct, frozen=True):
    """One cluster, complete.

    ``nodes`` are a list, sorted by (ip, port), each of them once. ``config`` is the balancer's own
    section of the cluster's file, None if the file has no such section. ``known`` is false
    while no discovery method has ever answered for the cluster, so that "no members" and
    "nobody knows" can be told apart; a balancer is given such a cluster without nodes only if
    it ``handles_unknown``. ``stale`` is true while its nodes are the last known ones of a
    source that is away. A cluster that is known and has no nodes has none to serve,
    be it that its sources say so, or that they are away and it is fenced.
    ``observed_at`` (seconds, wall clock) is when the nodes were last read.
    ``meta_cluster`` groups clusters behind one port, as in the 2016 lighthouse.

    A balancer is handed fresh clusters each time, with lists and maps of their own: what it
    does to them reaches nobody else, not even its own next call. One that alters nothing may
    say that it ``compares_clusters``.
    """

    name: str
    nodes: list[Node] = []
    config: dict[str, Any] | None = None
    known: bool = True
    stale: bool = False
    observed_at: float = 0.0
    meta_cluster: str | None = None
