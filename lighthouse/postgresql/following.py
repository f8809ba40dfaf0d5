"""Which server a standby is to follow, by what the cluster says and what it knows itself."""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.primary import Timelines, contest, newest, system
from lighthouse.text import several

_EVERYWHERE: Final = ("*", "0.0.0.0", "::")
_LOCALHOST: Final = ("127.0.0.1", "::1")
_STAYS: Final = "the standby goes on with the primary that it has"


class OwnServer(msgspec.Struct, frozen=True):
    """What tells the server of this host from others: where it listens, and its database.

    ``addresses`` are those of the host, ``timeline`` the highest one that the server has seen,
    0 if it does not tell.
    """

    port: int
    listens: tuple[str, ...]
    addresses: frozenset[str] = frozenset()
    system: str = ""
    timeline: int = 0

    def is_at(self, node: Node) -> bool:
        """Return True if a node's address is the one of this server."""
        if node.port != self.port:
            return False
        if all(address == "localhost" or _is_address(address) for address in self.listens):
            local = _LOCALHOST if "localhost" in self.listens else ()
            return node.ip in (*self.listens, *local)
        return node.ip in self.addresses or ipaddress.ip_address(node.ip).is_loopback


class Following(msgspec.Struct, frozen=True):
    """The primary to follow; None: nobody can tell, ``reason`` says why and what stays.

    ``reason`` beside a primary is what an operator should know all the same.
    """

    primary: Node | None = None
    reason: str = ""


def members(cluster: Cluster, own: OwnServer) -> tuple[list[Node], list[Node]]:
    """The other servers of the same database, and the nodes that belong to another one."""
    others = [node for node in cluster.nodes if not own.is_at(node)]
    foreign = [node for node in others if own.system and system(node) not in ("", own.system)]
    return [node for node in others if node not in foreign], foreign


def known_timelines(cluster: Cluster, own: OwnServer, before: Timelines) -> Mapping[str, int]:
    """The highest timelines of this database, what the server itself has seen included."""
    found = newest(members(cluster, own)[0], before)
    if own.timeline:
        found[own.system] = max(own.timeline, found.get(own.system, 0))
    return found


def one_cluster(clusters: Sequence[Cluster]) -> tuple[Cluster | None, str]:
    """The cluster with a section for this balancer, or why there is none to go by."""
    ours = [cluster for cluster in clusters if cluster.config is not None]
    if len(ours) > 1:
        names = several(cluster.name for cluster in ours)
        return None, f"the clusters {names} have a section: one server belongs to one, {_STAYS}"
    if not ours:
        return None, "no cluster has a section for this balancer: add it to that of the database"
    return ours[0], ""


def unusable(cluster: Cluster) -> str:
    """Why nothing may be done by what is known of a cluster; empty if it is to be relied on."""
    if not cluster.known:
        return f"nobody knows yet who is in {cluster.name}: {_STAYS}"
    if cluster.stale:
        return f"the source of {cluster.name} is away, its members are the last known: {_STAYS}"
    if not cluster.nodes:
        return f"{cluster.name} has no members: {_STAYS}"
    return ""


def follow(cluster: Cluster, own: OwnServer, known: Timelines) -> Following:
    """Whom a standby of this host follows; ``known`` is what ``known_timelines`` found."""
    if told := unusable(cluster):
        return Following(None, told)
    nodes, foreign = members(cluster, own)
    found = contest(nodes, known)
    apart = _of_another(foreign)
    if len(found.primaries) == 1:
        return Following(found.primaries[0], _joined(found.reason, apart))
    if len(found.primaries) > 1:
        names = several(sorted(node.name for node in found.primaries))
        told = f"{names} say that they are the primary, and publish no timeline"
        return Following(None, _joined(f"{told}: {_STAYS}", apart))
    told = found.reason or _nobody(cluster, own)
    return Following(None, _joined(f"{told}: {_STAYS}", apart))


def outdated(own: OwnServer, known: Timelines) -> str:
    """Why a server that is a primary should be none any more; empty if it may well be one."""
    latest = max(known.get(own.system, 0), known.get("", 0))
    if not own.timeline or latest <= own.timeline:
        return ""
    return (
        f"this server is a primary on timeline {own.timeline}, but timeline {latest} has begun "
        "elsewhere: nobody follows it; stop it, or make a standby of it (pg_rewind)"
    )


def _is_address(text: str) -> bool:
    """Return True for one address; what stands for all, or has to be looked up, is none."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text not in _EVERYWHERE


def _nobody(cluster: Cluster, own: OwnServer) -> str:
    if not any("role" in node.metadata for node in cluster.nodes):
        return (
            f"the members of {cluster.name} publish no role: have the check postgresql in "
            "the files of their services"
        )
    if any(own.is_at(node) and node.metadata.get("role") == "primary" for node in cluster.nodes):
        return f"{cluster.name} names this server as the primary, and it is a standby"
    return f"no other member of {cluster.name} says that it is the primary"


def _of_another(foreign: Collection[Node]) -> str:
    if not foreign:
        return ""
    names = several(sorted(node.name for node in foreign))
    return f"{names} belong to another database (system), which is never followed"


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))
