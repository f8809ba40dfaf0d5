"""What balancers are given of a cluster's members."""

import msgspec

from lighthouse.node import Node
from lighthouse.text import counted


class View(msgspec.Struct, frozen=True):
    """The nodes to serve, as in ``lighthouse.cluster.Cluster``."""

    nodes: tuple[Node, ...] = ()
    known: bool = False
    stale: bool = False

    @property
    def words(self) -> str:
        """What the log says of it."""
        return f"now {counted(len(self.nodes), 'node')}{', stale' if self.stale else ''}"
