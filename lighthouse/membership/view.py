"""What balancers are given of a cluster's members."""

import msgspec

from lighthouse.node import Node


class View(msgspec.Struct, frozen=True):
    """The nodes to serve, as in ``lighthouse.cluster.Cluster``."""

    nodes: tuple[Node, ...] = ()
    known: bool = False
    stale: bool = False
