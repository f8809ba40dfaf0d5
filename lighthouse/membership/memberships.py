"""Who the members of each cluster are, as far as anybody knows.

Readings come in from discovery workers; out comes one view of each cluster, which changes
only when a balancer should care. A source that goes away takes nothing with it: what it last
said stays, until the cluster's file says otherwise. Nothing here reads a clock.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from lighthouse.config.schema.types import ClusterFile
from lighthouse.discovery import Reading, Refusal
from lighthouse.ipc.snapshot import WatchedCluster
from lighthouse.membership.cluster_sources import ClusterSources
from lighthouse.membership.connections import SourceConnections, is_there
from lighthouse.membership.events import ClusterEvent
from lighthouse.membership.source import STALE_AFTER, SourceConnection, SourceReading
from lighthouse.membership.view import View
from lighthouse.node import Node

__all__ = ["STALE_AFTER", "Memberships", "SourceConnection", "SourceReading", "View"]

RememberedSource = tuple[SourceReading, float]
"""A source of an earlier run, and its age in seconds."""


class Memberships:
    """The clusters of a configuration and their views."""

    def __init__(self) -> None:
        self.clusters: Mapping[str, ClusterFile] = {}
        self.discoveries: frozenset[str] = frozenset()
        self.views: Final[dict[str, View]] = {}
        self.cluster_sources: Final[dict[str, ClusterSources]] = {}
        self._remembered: Final[dict[tuple[str, str, str], RememberedSource]] = {}
        self.connections: Final = SourceConnections()
        self._due: Final[dict[str, float]] = {}
        self._watches: Final[dict[str, tuple[WatchedCluster, ...]]] = {}
        self._named: Final[dict[str, dict[str, tuple[str, ...]]]] = {}
        self._dictated: Final[dict[str, View]] = {}
        self._events: Final[list[ClusterEvent]] = []
        self._began: float | None = None
        self._past_trips = 0
        self._numbers: Final = itertools.count(1)  # of fresh reads, each is asked for once

    def configure(
        self, clusters: Mapping[str, ClusterFile], now: float, discoveries: Collection[str] = ()
    ) -> set[str]:
        """Take the clusters of a new configuration; returns those whose view changed.

        What is known of a discovery that is neither theirs nor one of ``discoveries``, where
        services are registered, is forgotten.
        """
        gone = self.clusters.keys() - clusters.keys()
        self._began = now if self._began is None else self._began
        renamed = {
            name
            for name, file in self.clusters.items()
            if name in clusters and clusters[name].looked_up != file.looked_up
        }
        for name in gone | renamed:
            self._past_trips += self.cluster_sources[name].guard.history.count
            for table in (self.views, self.cluster_sources, self._due):
                table.pop(name, None)
        changed = {n for n, c in clusters.items() if self.clusters.get(n) != c}
        self.clusters = clusters
        self.discoveries = frozenset(d for file in clusters.values() for d in file.discovery)
        self._watches.clear()
        self._named.clear()
        self.connections.keep(self.discoveries.union(discoveries))
        for name in changed:
            file = clusters[name]
            if name in self.cluster_sources:
                self.cluster_sources[name].configure(file, now)
            else:
                self.cluster_sources[name] = ClusterSources(file, now, self._numbers)
            for discovery in file.discovery:
                self._share(name, discovery, now)
                remembered = self._remembered.pop((discovery, name, file.looked_up), None)
                if remembered is not None:
                    source, age = remembered
                    self.cluster_sources[name].remember(discovery, source, age + now - self._began)
        return {name for name in changed if self._update(name, now)} | gone

    def remember(
        self,
        cluster: str,
        sources: Mapping[str, Reading],
        read_at: float,
        ages: Mapping[str, float],
        looked_up: str = "",
    ) -> None:
        """Start from an earlier run's readings, until a source answers.

        ``ages`` are how many seconds ago each source was last there, at the first ``configure``;
        ``looked_up`` is the name that the sources were asked for, if it is not the cluster's.
        """
        for discovery, reading in sources.items():
            source = SourceReading(reading, read_at, live=False)
            key = (discovery, cluster, looked_up or cluster)
            self._remembered[key] = source, ages.get(discovery, 0.0)

    def dictate(self, views: Mapping[str, View]) -> None:
        """Let these clusters be seen so, whatever their sources say; before ``configure``."""
        self._dictated.update(views)

    def observe(
        self, discovery: str, looked_up: str, source: SourceReading, now: float
    ) -> set[str]:
        """Take a reading of what is registered so; returns the clusters whose view changed."""
        found = self.named(discovery, looked_up)
        for cluster in found:
            self._observe(discovery, cluster, source, now)
        return {cluster for cluster in found if self._update(cluster, now)}

    def named(self, discovery: str, looked_up: str) -> tuple[str, ...]:
        """The clusters whose nodes a discovery knows under this name."""
        return self._lookups(discovery).get(looked_up, ())

    def link(self, discovery: str, link: SourceConnection) -> set[str]:
        """A discovery's connection came or went; returns the clusters whose view changed."""
        before = self.connections.of(discovery)
        self.connections.tell(discovery, link)
        return self._relink(discovery, before, link.since, anew=False)

    def work(self, discovery: str, reason: str, now: float) -> set[str]:
        """A discovery's worker runs, or ``reason`` says why it does not; returns as ``link``."""
        before = self.connections.of(discovery)
        self.connections.work(discovery, reason, now)
        return self._relink(discovery, before, now, anew=True)

    def pass_time(self, now: float) -> set[str]:
        """Holds end and sources grow stale; returns the clusters whose view changed."""
        touched = [name for name, due in self._due.items() if due <= now]
        return {name for name in touched if self._update(name, now)}

    def next_due(self, now: float) -> float | None:
        """When ``pass_time`` has something to do, None if never."""
        return max(now, min(self._due.values())) if self._due else None

    def watches(self, discovery: str) -> tuple[WatchedCluster, ...]:
        """What a discovery has to watch; worked out anew only when that has changed."""
        found = self._watches.get(discovery)
        if found is None:
            found = self._watches[discovery] = tuple(
                WatchedCluster(
                    looked_up,
                    max(self.cluster_sources[name].rereads.get(discovery, 0) for name in names),
                )
                for looked_up, names in sorted(self._lookups(discovery).items())
            )
        return found

    def take_events(self) -> list[ClusterEvent]:
        """What has happened since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    @property
    def trips(self) -> int:
        """How often the guard of any cluster has held something back."""
        return self._past_trips + sum(
            sources.guard.history.count for sources in self.cluster_sources.values()
        )

    def held_back(self, cluster: str) -> tuple[Node, ...]:
        """The nodes that the shrink guard keeps although they were not in the last reading."""
        sources = self.cluster_sources.get(cluster)
        return sources.guard.held_back if sources else ()

    def refused(self, cluster: str) -> list[Refusal]:
        """Records that were not taken as nodes."""
        return [r for source in self._of(cluster) for r in source.reading.refused]

    def read_at(self, cluster: str) -> float | None:
        """When the least recently read of the cluster's sources was read (wall clock)."""
        return min((source.read_at for source in self._of(cluster)), default=None)

    def readings(self, cluster: str) -> dict[str, Reading]:
        """The newest reading of each of the cluster's sources, by discovery."""
        return {d: source.reading for d, source in self.cluster_sources[cluster].readings.items()}

    def _relink(
        self, discovery: str, before: SourceConnection | None, now: float, anew: bool
    ) -> set[str]:
        there = is_there(self.connections.of(discovery))
        if there is is_there(before):
            return set()
        touched = [n for n, c in self.clusters.items() if discovery in c.discovery]
        self._watches.pop(discovery, None)
        for name in touched:
            if there:
                self.cluster_sources[name].found(discovery, anew)
            else:
                self.cluster_sources[name].lost(discovery, now)
        return {name for name in touched if self._update(name, now)}

    def _update(self, name: str, now: float) -> bool:
        sources = self.cluster_sources[name]
        asked = sum(sources.rereads.values())
        sources.update(now)
        if sources.due is None:
            self._due.pop(name, None)
        else:
            self._due[name] = sources.due
        if sources.events:
            self._events.extend(sources.events)
            sources.events.clear()
        if sum(sources.rereads.values()) != asked:
            self._watches.clear()
        view = self._dictated.get(name, sources.view)
        if self.views.get(name) == view:
            return False
        self.views[name] = view
        return True

    def _lookups(self, discovery: str) -> dict[str, tuple[str, ...]]:
        """The clusters of a discovery by the name under which it knows them."""
        found = self._named.get(discovery)
        if found is None:
            found = self._named[discovery] = {}
            for name in sorted(self.clusters):
                if discovery in self.clusters[name].discovery:
                    looked_up = self.clusters[name].looked_up
                    found[looked_up] = (*found.get(looked_up, ()), name)
        return found

    def _share(self, name: str, discovery: str, now: float) -> None:
        """Let a new cluster know what another one knows that is registered under its name."""
        if discovery in self.cluster_sources[name].readings:
            return
        for other in self.named(discovery, self.clusters[name].looked_up):
            source = (
                self.cluster_sources[other].readings.get(discovery)
                if other in self.cluster_sources
                else None
            )
            if source is not None and source.live:
                self._observe(discovery, name, source, now)
                return

    def _observe(self, discovery: str, cluster: str, source: SourceReading, now: float) -> None:
        link = self.connections.of(discovery)
        away_since = None if link is None or is_there(link) else link.since
        self.cluster_sources[cluster].observe(discovery, source, away_since, now)

    def _of(self, name: str) -> Iterable[SourceReading]:
        return self.cluster_sources[name].readings.values() if name in self.cluster_sources else ()
