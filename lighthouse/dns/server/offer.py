"""Which members of a cluster are offered to whoever asks: pure decisions."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.dns.server.schema import OnEmpty
from lighthouse.node import Node

State = Literal["live", "drained", "kept", "empty", "unknown"]
"""``drained``: all members are, and are offered all the same; ``kept``: the last known ones;
``empty``: it is answered that there are none; ``unknown``: nothing is answered but an error."""

BACKUP: Final = 10
"""What a backup's SRV priority is above that of the others, if its metadata does not say."""


class DnsMember(msgspec.Struct, frozen=True, gc=False):
    """One address that is offered; the lowest ``priority`` is asked first."""

    host: str
    ip: str
    port: int
    weight: int = 1
    priority: int = 0


class DnsOffer(msgspec.Struct, frozen=True):
    """What is answered for a cluster, and why."""

    state: State
    members: tuple[DnsMember, ...] = ()


def offer(cluster: Cluster, kept: Sequence[DnsMember], on_empty: OnEmpty) -> DnsOffer:
    """The members of a cluster that get new traffic.

    An answer without any is given only if discovery says that there are none and ``on_empty``
    is ``nodata``. What is not known is answered with the members kept of it, or not at all.
    """
    live = tuple(member(node) for node in cluster.nodes if node.weight > 0)
    if live:
        return DnsOffer("live", live)
    if not cluster.known:
        return DnsOffer("kept", tuple(kept)) if kept else DnsOffer("unknown")
    if on_empty == "nodata":
        return DnsOffer("empty")
    if on_empty == "servfail":
        return DnsOffer("unknown")
    if cluster.nodes:
        return DnsOffer("drained", tuple(member(node) for node in cluster.nodes))
    return DnsOffer("kept", tuple(kept)) if kept else DnsOffer("unknown")


def member(node: Node) -> DnsMember:
    """A node as it is offered; one that is drained counts as any other."""
    return DnsMember(node.host.lower(), node.ip, node.port, max(1, node.weight), _priority(node))


def _priority(node: Node) -> int:
    given = node.metadata.get("priority")
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 65535:
        return given
    return BACKUP if node.metadata.get("backup") is True else 0
