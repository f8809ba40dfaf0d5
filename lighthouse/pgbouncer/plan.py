"""What PgBouncer is to lead to, of all clusters together: a pure function of what is known."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from lighthouse.balancer import Finding
from lighthouse.cluster import Cluster
from lighthouse.pgbouncer.holder import FollowedPrimary
from lighthouse.pgbouncer.include import DatabaseLine
from lighthouse.pgbouncer.loading import Lines
from lighthouse.pgbouncer.routing import ClusterRoles, roles, route
from lighthouse.pgbouncer.settings import DatabaseSettings, parse_section
from lighthouse.pgbouncer.timelines import of


class RoutingPlan(msgspec.Struct, frozen=True):
    """``lines`` by name; ``told`` is what is not as configured, and ``findings`` what is wrong.

    ``clusters`` are who is what in each of them; ``owners`` are the databases that each has.
    """

    lines: Lines
    told: tuple[str, ...]
    findings: tuple[Finding, ...]
    clusters: Mapping[str, ClusterRoles]
    owners: Mapping[str, Mapping[str, DatabaseSettings]]


def plan(
    clusters: Sequence[Cluster], present: Lines, known: Mapping[str, dict[str, int]]
) -> RoutingPlan:
    """Where each database leads, given where it leads at present."""
    owners, findings = _owners(clusters)
    lines: dict[str, DatabaseLine] = {}
    told: list[str] = []
    found = {}
    for cluster in clusters:
        timelines = of(dict(known), cluster.name)
        databases = owners[cluster.name]
        led = [present[name] for name in _primaries(databases) if name in present]
        who = found[cluster.name] = roles(cluster, timelines, led)
        for name, database in databases.items():
            routing = route(name, database, who, present.get(name), timelines)
            lines |= {} if routing.line is None else {name: routing.line}
            told += [routing.reason] if routing.reason else []
    return RoutingPlan(lines, tuple(dict.fromkeys(told)), findings, found, owners)


def followed(cluster: Cluster, settled: RoutingPlan, loaded: Lines) -> Iterator[FollowedPrimary]:
    """Where a cluster's primary is by what PgBouncer has loaded, if it has any database of it."""
    names = [name for name in _primaries(settled.owners[cluster.name]) if name in loaded]
    if not names:
        return
    first = loaded[names[0]]
    same = tuple(name for name in names if loaded[name].leads_as(first))
    node = next((one for one in cluster.nodes if one.key == (first.hosts[0], first.port)), None)
    role = "" if node is None else str(node.metadata.get("role", ""))
    if node is not None and node.key in settled.clusters[cluster.name].found.passed_over:
        role = "outdated"
    listed = cluster.known and not cluster.stale and bool(cluster.nodes)
    primary = settled.clusters[cluster.name].primary
    yield FollowedPrimary(
        cluster.name, same, first.hosts[0], first.port, listed, primary is not None, role
    )


def _primaries(databases: Mapping[str, DatabaseSettings]) -> list[str]:
    return sorted(name for name, database in databases.items() if database.role == "primary")


def _owners(
    clusters: Sequence[Cluster],
) -> tuple[dict[str, dict[str, DatabaseSettings]], tuple[Finding, ...]]:
    """The databases of each cluster; one that two of them want belongs to the first."""
    owner: dict[str, str] = {}
    owners: dict[str, dict[str, DatabaseSettings]] = {}
    findings = []
    for cluster in clusters:
        owners[cluster.name] = {}
        for name, database in parse_section(cluster.config or {}).databases.items():
            first = owner.setdefault(name, cluster.name)
            if first == cluster.name:
                owners[cluster.name][name] = database
            else:
                told = f"is a database of the cluster {first} already"
                findings.append(Finding(("databases", name), told, cluster=cluster.name))
    return owners, tuple(findings)
