"""Who the members of each cluster are, as far as anybody knows.

Readings come in from discovery workers; out comes one view of each cluster, which changes
only when a balancer should care. A source that goes away takes nothing with it: what it last
said stays, and counts as stale after a while. Nothing here reads a clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from lighthouse.config.kinds import ClusterFile
from lighthouse.discovery import Connection, Reading, Refusal
from lighthouse.node import Node
from lighthouse.snapshot import Watch
from lighthouse.supervisor import guard
from lighthouse.supervisor.guard import Members

STALE_AFTER: Final = 5.0
"""Seconds that a source may be away before its nodes count as stale."""


class Source(msgspec.Struct, frozen=True):
    """One discovery's newest reading of one cluster.

    ``read_at`` is wall-clock seconds, ``answer`` the number of the fresh read that it is;
    ``live`` is false for a reading remembered from an earlier run.
    """

    reading: Reading
    read_at: float
    answer: int = 0
    live: bool = True


class Link(msgspec.Struct, frozen=True):
    """What became of a discovery's connection, and since when (monotonic)."""

    state: Connection
    reason: str
    since: float

    def is_away(self, now: float) -> bool:
        return self.state != "connected" and now >= self.since + STALE_AFTER


class View(msgspec.Struct, frozen=True):
    """A cluster's members as balancers are given them."""

    nodes: tuple[Node, ...] = ()
    known: bool = False
    stale: bool = False


class Memberships:
    """The clusters of a configuration, their sources and their views."""

    def __init__(self) -> None:
        self.clusters: Mapping[str, ClusterFile] = {}
        self.views: Final[dict[str, View]] = {}
        self.trips = 0
        self._sources: Final[dict[tuple[str, str], Source]] = {}
        self._links: Final[dict[str, Link]] = {}
        self._members: Final[dict[str, Members]] = {}
        self._rereads: Final[dict[str, int]] = {}
        self._watches: Final[dict[str, tuple[Watch, ...]]] = {}
        self._holding: Final[set[str]] = set()
        self._away: set[str] = set()

    def configure(self, clusters: Mapping[str, ClusterFile], now: float) -> set[str]:
        """Take the clusters of a new configuration; returns those whose view changed."""
        gone = self.clusters.keys() - clusters.keys()
        for name in gone:
            for table in (self.views, self._members, self._rereads):
                table.pop(name, None)
            self._holding.discard(name)
        wanted = {(d, name) for name, c in clusters.items() for d in c.discovery}
        for key in self._sources.keys() - wanted:
            del self._sources[key]
        changed = {n for n, c in clusters.items() if self.clusters.get(n) != c}
        self.clusters = clusters
        self._watches.clear()
        return {name for name in changed if self._update(name, now)} | gone

    def remember(self, cluster: str, sources: Mapping[str, Reading], read_at: float) -> None:
        """Start from an earlier run's readings, until a source answers."""
        for discovery, reading in sources.items():
            self._sources.setdefault((discovery, cluster), Source(reading, read_at, live=False))

    def observe(self, discovery: str, cluster: str, source: Source, now: float) -> bool:
        """Take a reading; whether the cluster's view changed."""
        if cluster not in self.clusters:
            return False
        self._sources[discovery, cluster] = source
        return self._update(cluster, now)

    def link(self, discovery: str, link: Link) -> None:
        """A discovery's connection came or went; ``pass_time`` makes nodes stale by it."""
        known = self._links.get(discovery)
        if known is None or known.state != link.state:
            self._links[discovery] = link
        else:
            self._links[discovery] = Link(link.state, link.reason, known.since)

    def pass_time(self, now: float) -> set[str]:
        """Holds end and sources grow stale; returns the clusters whose view changed."""
        away = {d for d, link in self._links.items() if link.is_away(now)}
        touched = set(self._holding)
        if away != self._away:
            touched |= self.clusters.keys()
            self._away = away
        return {name for name in touched if self._update(name, now)}

    def next_due(self, now: float) -> float | None:
        """When ``pass_time`` has something to do (maybe at once), None if never."""
        holds = (
            guard.due(self._members[name], self._answer(name), self.clusters[name].guard)
            for name in self._holding
        )
        away = (
            link.since + STALE_AFTER
            for discovery, link in self._links.items()
            if link.state != "connected" and discovery not in self._away
        )
        recovered = (now for d in self._away if not self._links[d].is_away(now))
        return min((due for due in (*holds, *away, *recovered) if due is not None), default=None)

    def watches(self, discovery: str) -> tuple[Watch, ...]:
        """What a discovery has to watch; worked out anew only when that has changed."""
        found = self._watches.get(discovery)
        if found is None:
            found = self._watches[discovery] = tuple(
                Watch(name, self._rereads.get(name, 0))
                for name in sorted(self.clusters)
                if discovery in self.clusters[name].discovery
            )
        return found

    def held_back(self, cluster: str) -> tuple[str, ...]:
        """The nodes that the shrink guard keeps although they were not in the last reading."""
        members = self._members.get(cluster)
        return members.held_back if members else ()

    def refused(self, cluster: str) -> list[Refusal]:
        """Records that were not taken as nodes."""
        return [r for source in self._of(cluster) for r in source.reading.refused]

    def read_at(self, cluster: str) -> float | None:
        """When the least recently read of the cluster's sources was read (wall clock)."""
        return min((source.read_at for source in self._of(cluster)), default=None)

    def readings(self, cluster: str) -> dict[str, Reading]:
        """The newest reading of each of the cluster's sources, by discovery."""
        return {d: source.reading for d, source in self._by_discovery(cluster)}

    def away(self, discovery: str) -> Link | None:
        """The link of a discovery that does not answer."""
        link = self._links.get(discovery)
        return link if link is not None and link.state != "connected" else None

    def _update(self, name: str, now: float) -> bool:
        cluster = self.clusters[name]
        before = self._members.get(name, Members())
        observed = merge(source.reading.nodes for source in self._of(name))
        members = guard.judge(before, observed, self._answer(name), now, cluster.guard)
        if members.held is not None and before.held is None:
            self._rereads[name] = members.held.reread
            self._watches.clear()
            self.trips += 1
        self._members[name] = members
        (self._holding.discard if members.held is None else self._holding.add)(name)
        sources = dict(self._by_discovery(name))
        view = View(
            nodes=members.nodes,
            known=bool(sources),
            stale=any(not s.live or d in self._away for d, s in sources.items()),
        )
        if self.views.get(name) == view:
            return False
        self.views[name] = view
        return True

    def _answer(self, name: str) -> int:
        return min((source.answer for source in self._of(name)), default=0)

    def _of(self, name: str) -> Iterator[Source]:
        return (source for _, source in self._by_discovery(name))

    def _by_discovery(self, name: str) -> Iterator[tuple[str, Source]]:
        for discovery in self.clusters[name].discovery:
            source = self._sources.get((discovery, name))
            if source is not None:
                yield discovery, source


def merge(readings: Iterable[tuple[Node, ...]]) -> tuple[Node, ...]:
    """The union of several sources' nodes, sorted; of two of one address the first counts."""
    found = list(readings)
    if len(found) == 1:
        return found[0]
    nodes: dict[tuple[str, int], Node] = {}
    for reading in found:
        for node in reading:
            nodes.setdefault(node.key, node)
    return tuple(nodes[key] for key in sorted(nodes))
