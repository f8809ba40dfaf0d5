"""Metrics of the clusters and of where their nodes come from; no node's name is a label."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lighthouse.daemon.status_document import ClusterStatus, node_count
from lighthouse.daemon.worker_document import WorkerStatus

_CLUSTER: Final = ("cluster",)


def families(clusters: tuple[ClusterStatus, ...]) -> Iterator[Metric]:
    yield from _sizes(clusters)
    yield from _freshness(clusters)


def _sizes(clusters: tuple[ClusterStatus, ...]) -> Iterator[Metric]:
    nodes = GaugeMetricFamily(
        "lighthouse_cluster_nodes",
        "Nodes of the cluster that balancers are given.",
        labels=_CLUSTER,
    )
    held = GaugeMetricFamily(
        "lighthouse_cluster_held_back_nodes",
        "Vanished nodes that the shrink guard keeps for now.",
        labels=_CLUSTER,
    )
    refused = GaugeMetricFamily(
        "lighthouse_cluster_refused_records",
        "Records of the cluster that are no valid nodes.",
        labels=_CLUSTER,
    )
    trips = CounterMetricFamily(
        "lighthouse_cluster_guard_trips",
        "Losses that the shrink guard held back.",
        labels=_CLUSTER,
    )
    for cluster in clusters:
        labels = (cluster.name,)
        nodes.add_metric(labels, node_count(cluster))
        held.add_metric(labels, len(cluster.held_back))
        refused.add_metric(labels, sum(one.fault for one in cluster.refused))
        trips.add_metric(labels, cluster.guard.trips)
    yield from (nodes, held, refused, trips)


def _freshness(clusters: tuple[ClusterStatus, ...]) -> Iterator[Metric]:
    known = GaugeMetricFamily(
        "lighthouse_cluster_known",
        "1 if any source has ever said who the cluster's nodes are.",
        labels=_CLUSTER,
    )
    stale = GaugeMetricFamily(
        "lighthouse_cluster_stale",
        "1 if the cluster's nodes are the last known ones of a source that is away.",
        labels=_CLUSTER,
    )
    age = GaugeMetricFamily(
        "lighthouse_cluster_stale_seconds",
        "How old what is known of the cluster may be; 0 while its sources are there.",
        labels=_CLUSTER,
    )
    changed = GaugeMetricFamily(
        "lighthouse_cluster_last_change_timestamp_seconds",
        "When a source last said something else than before, in seconds since 1970.",
        labels=_CLUSTER,
    )
    for cluster in clusters:
        labels = (cluster.name,)
        known.add_metric(labels, cluster.known)
        stale.add_metric(labels, cluster.stale)
        if cluster.age_seconds is not None:
            age.add_metric(labels, cluster.age_seconds)
        if cluster.changed_at is not None:
            changed.add_metric(labels, cluster.changed_at)
    yield from (known, stale, age, changed)


def discoveries(
    clusters: tuple[ClusterStatus, ...], workers: tuple[WorkerStatus, ...]
) -> Iterator[Metric]:
    """How long each discovery has been away; 0 for those that are there."""
    away = GaugeMetricFamily(
        "lighthouse_discovery_away_seconds",
        "Since the discovery's last sign of life; 0 while it is there.",
        labels=("discovery",),
    )
    longest = {worker.name: 0.0 for worker in workers if worker.kind == "discovery"}
    for cluster in clusters:
        for source in cluster.sources:
            before = longest.get(source.discovery, 0.0)
            longest[source.discovery] = max(before, source.away_seconds or 0.0)
    for name, seconds in sorted(longest.items()):
        away.add_metric((name,), seconds)
    yield away
