"""From the clusters of a snapshot to the resources that are wanted, worked out once each."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.balancer import Finding, Withheld
from lighthouse.cluster import Cluster
from lighthouse.envoy.rendering.cluster import cluster as cluster_resource
from lighthouse.envoy.rendering.endpoints import assignment
from lighthouse.envoy.rendering.listener import listener, listener_name, spot
from lighthouse.envoy.rendering.text import encoded
from lighthouse.envoy.schema.section import EnvoySection, missing_files, parse_section, stamp_of
from lighthouse.envoy.schema.settings import EnvoySettings

_ANY: Final = ("0.0.0.0", "::")


class ProxiedCluster(msgspec.Struct, frozen=True):
    """What one cluster is to be in Envoy, each resource as its text.

    ``endpoints`` is None if those that are there are to stay, whatever they are.
    """

    cluster: Cluster
    section: EnvoySection
    spot: tuple[str, int]
    endpoints: str | None
    upstream: str
    listener: str
    findings: tuple[Finding, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    stamp: str = ""

    @property
    def listener_name(self) -> str:
        """What its listener goes by."""
        return listener_name(self.spot)


class WantedProxies:
    """``proxies`` are wanted, by cluster; ``findings`` tell what cannot be, and why."""

    def __init__(self, settings: EnvoySettings) -> None:
        self._settings: Final = settings
        self._clusters: tuple[Cluster, ...] = ()
        self.proxies: dict[str, ProxiedCluster] = {}
        self.findings: tuple[Finding, ...] = ()
        self.withheld: tuple[Withheld, ...] = ()

    def take(self, clusters: Sequence[Cluster]) -> set[str]:
        """Want exactly these clusters; the names of those that are not as they were."""
        self._clusters = tuple(clusters)
        former, self.proxies = self.proxies, {}
        findings: list[Finding] = []
        spots: dict[tuple[str, int], str] = {}
        found = [self._looked_at(one, former) for one in clusters if one.config is not None]
        for one in sorted(found, key=lambda one: not _holds(one, former)):
            name, before = one.cluster.name, former.get(one.cluster.name)
            faults = (*one.findings, *_conflict(spots, one))
            findings += faults
            taken: ProxiedCluster | None = one
            if faults:
                taken = _as_before(one, before, faults)
                if taken is not None and _owner(spots, taken.spot) is not None:
                    taken = None
            if taken is not None:
                spots[taken.spot] = name
                self.proxies[name] = taken
        self.findings = tuple(findings)
        self.withheld = tuple(each for one in self.proxies.values() for each in one.withheld)
        names = former.keys() | self.proxies.keys()
        return {name for name in names if former.get(name) != self.proxies.get(name)}

    def look(self) -> None:
        """Look at the files that sections name: what was written anew is to be read anew."""
        if any(one.stamp != stamp_of(one.section) for one in self.proxies.values()):
            self.take(self._clusters)

    def _looked_at(self, cluster: Cluster, former: Mapping[str, ProxiedCluster]) -> ProxiedCluster:
        one = former.get(cluster.name)
        same = one is not None and one.cluster is cluster and not one.findings
        if one is not None and same and one.stamp == stamp_of(one.section):
            return one
        return self._proxied(cluster)

    def _proxied(self, cluster: Cluster) -> ProxiedCluster:
        section, settings = parse_section(cluster.config or {}), self._settings
        on_empty = section.on_empty or settings.on_empty
        kept = not cluster.nodes and (not cluster.known or on_empty == "keep")
        stamp = stamp_of(section)
        nodes = assignment(cluster.name, cluster.nodes, settings.zones)
        return ProxiedCluster(
            cluster,
            section,
            spot(section, settings),
            None if kept else encoded(nodes),
            encoded(cluster_resource(cluster.name, section, settings, stamp)),
            encoded(listener(cluster.name, section, settings, stamp)),
            tuple(Finding(p.path, p.message, cluster.name) for p in missing_files(section)),
            _withheld(cluster),
            stamp,
        )


def nobody(cluster: str, settings: EnvoySettings) -> str:
    """The endpoints of a cluster that has none."""
    return encoded(assignment(cluster, (), settings.zones))


def _withheld(cluster: Cluster) -> tuple[Withheld, ...]:
    drained = tuple((node.ip, node.port) for node in cluster.nodes if node.weight == 0)
    if not drained:
        return ()
    return (Withheld(cluster.name, "drained: its weight is 0", drained, drained=True),)


def _as_before(
    one: ProxiedCluster, before: ProxiedCluster | None, faults: tuple[Finding, ...]
) -> ProxiedCluster | None:
    """A cluster whose section cannot be followed: served as it was, with the nodes of now."""
    if before is None:
        return None
    return msgspec.structs.replace(
        one,
        section=before.section,
        spot=before.spot,
        upstream=before.upstream,
        listener=before.listener,
        findings=faults,
        stamp=before.stamp,
    )


def _conflict(spots: Mapping[tuple[str, int], str], one: ProxiedCluster) -> tuple[Finding, ...]:
    owner = _owner(spots, one.spot)
    if owner is None:
        return ()
    message = f"{one.spot[1]} is the port of cluster {owner} already"
    return (Finding(("port",), message, one.cluster.name),)


def _holds(one: ProxiedCluster, former: Mapping[str, ProxiedCluster]) -> bool:
    """Return True if a cluster has its port already, which no other one takes from it."""
    before = former.get(one.cluster.name)
    return before is not None and before.spot == one.spot


def _owner(spots: Mapping[tuple[str, int], str], wanted: tuple[str, int]) -> str | None:
    """The cluster that has a spot already, at that address or at every one."""
    host, port = wanted
    for (other, taken), owner in spots.items():
        if taken == port and (other == host or other in _ANY or host in _ANY):
            return owner
    return None
