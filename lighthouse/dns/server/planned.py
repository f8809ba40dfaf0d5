"""From the clusters of a snapshot to the zone: what changed is worked out anew, the rest kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from lighthouse.balancer import Finding, Withheld
from lighthouse.cluster import Cluster
from lighthouse.dns.server.offer import DnsMember, DnsOffer, offer
from lighthouse.dns.server.reply import capacity
from lighthouse.dns.server.schema import NS, DnsServerSettings, label, parse_section
from lighthouse.dns.server.zone import ClusterNames, Zone, cluster_names


class PlannedCluster(msgspec.Struct, frozen=True):
    """What became of one cluster, and of which object it was worked out."""

    cluster: Cluster
    label: str
    offered: DnsOffer
    names: ClusterNames
    findings: tuple[Finding, ...] = ()
    withheld: tuple[Withheld, ...] = ()


class PlannedZone:
    """The zone under some settings. ``kept`` are the members that were offered last.

    ``findings`` and ``withheld`` are about the clusters taken last.
    """

    def __init__(self, settings: DnsServerSettings, kept: Mapping[str, Sequence[DnsMember]]):
        self._settings: Final = settings
        self._clusters: dict[str, PlannedCluster] = {}
        self.kept: dict[str, tuple[DnsMember, ...]] = {n: tuple(m) for n, m in kept.items()}
        self.findings: list[Finding] = []
        self.withheld: tuple[Withheld, ...] = ()

    def take(self, clusters: Sequence[Cluster], former: Zone, now: int) -> Zone:
        """The zone of these clusters: ``former`` itself if nothing is answered differently."""
        planned: dict[str, PlannedCluster] = {}
        self.findings = []
        for cluster in clusters:
            if cluster.config is None:
                continue
            one = self._clusters.get(cluster.name)
            if one is None or one.cluster is not cluster:
                one = self._plan(cluster)
            if one.label in planned or one.label == NS:
                self.findings.append(_taken(one, planned))
            else:
                planned[one.label] = one
                self.findings += one.findings
        self._clusters = {one.cluster.name: one for one in planned.values()}
        self.kept = {n: one.offered.members for n, one in self._clusters.items() if _known(one)}
        self.withheld = tuple(each for one in planned.values() for each in one.withheld)
        found = Zone(
            self._settings.zone,
            {name: one.names for name, one in planned.items()},
            tuple(place.ip for place in self._settings.places),
            self._settings.ttl,
            former.serial,
        )
        if found == former:
            return former
        return msgspec.structs.replace(found, serial=max(now, former.serial + 1) & 0xFFFFFFFF)

    def describe(self) -> dict[str, Any]:
        """For the status: how many clusters are answered, and those that are not as usual."""
        states = Counter(one.offered.state for one in self._clusters.values())
        odd = {n: c.offered.state for n, c in self._clusters.items() if c.offered.state != "live"}
        shown = dict(sorted(odd.items())[:20])
        answered = {"clusters": len(self._clusters), "live": states["live"]}
        return {**answered, "others": shown} if shown else answered

    def _plan(self, cluster: Cluster) -> PlannedCluster:
        section = parse_section(cluster.config or {})
        kept = self.kept.get(cluster.name, ())
        offered = offer(cluster, kept, section.on_empty or self._settings.on_empty)
        name = label(cluster.name, section)
        order = section.order or self._settings.order
        names = cluster_names(offered, name, self._settings.zone, order)
        findings = tuple(_too_many(cluster.name, name, names, self._settings.zone))
        return PlannedCluster(cluster, name, offered, names, findings, _withheld(cluster, offered))


def _known(one: PlannedCluster) -> bool:
    return bool(one.offered.members)


def _withheld(cluster: Cluster, offered: DnsOffer) -> tuple[Withheld, ...]:
    drained = tuple((node.ip, node.port) for node in cluster.nodes if node.weight == 0)
    if not drained or offered.state == "drained":
        return ()
    return (Withheld(cluster.name, "drained: its weight is 0", drained, drained=True),)


def _taken(one: PlannedCluster, planned: Mapping[str, PlannedCluster]) -> Finding:
    owner = planned.get(one.label)
    whose = f"of cluster {owner.cluster.name}" if owner else "of the server itself"
    path = ("name",) if "name" in (one.cluster.config or {}) else ()
    message = f"'{one.label}' is the name {whose} in the zone; give this one another by 'name'"
    return Finding(path, message, one.cluster.name)


def _too_many(cluster: str, name: str, names: ClusterNames, zone: str) -> list[Finding]:
    """A warning about members that no answer has room for; other hosts answer others."""
    services, addresses = capacity(zone, name, names.own.services)
    count = len(names.own.services)
    if count <= services:
        return []
    message = (
        f"an answer has room for {services} SRV records or {addresses} IPv4 addresses, and there "
        f"are {count} nodes: this host answers a choice of its own, other hosts answer others"
    )
    return [Finding((), message, cluster, warning=True)]
