"""What the clusters want: their stanzas, and their servers as records and as text.

Everything is kept per cluster and made anew only for a cluster that has changed, so that the
cost of a change does not depend on the size of the fleet.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.haproxy.ladder import Live
from lighthouse.haproxy.render import Chunk, Skeleton, body
from lighthouse.haproxy.server import Server, roster
from lighthouse.haproxy.settings import Section, Settings, parse_section
from lighthouse.haproxy.stanza import Stanza, build
from lighthouse.node import is_cluster_name

Lives = Mapping[str, Mapping[str, Live]]
"""The running servers by backend and name."""


class _Made(msgspec.Struct, frozen=True):
    cluster: Cluster
    stanza: Stanza
    servers: dict[str, Server]


class Membership:
    """The wanted clusters of one ``Settings``."""

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._all: dict[str, Cluster] = {}
        self._made: dict[str, _Made] = {}
        self._bodies: dict[str, tuple[_Made, Chunk]] = {}
        self.stanzas: dict[str, Stanza] = {}
        self.faults: dict[str, str] = {}

    def take(self, clusters: Sequence[Cluster]) -> tuple[set[str], bool]:
        """The names of clusters that changed, and whether anything but their nodes did."""
        touched = set()
        structural = False
        seen = {}
        for cluster in clusters:
            if cluster.config is None:
                continue
            seen[cluster.name] = cluster
            before = self._all.get(cluster.name)
            if before is cluster:
                continue
            touched.add(cluster.name)
            same = before is not None and (before.config, before.meta_cluster) == (
                cluster.config,
                cluster.meta_cluster,
            )
            if not same:
                structural |= self._understand(cluster)
        for name in self._all.keys() - seen.keys():
            structural |= self.stanzas.pop(name, None) is not None
            self.faults.pop(name, None)
            self._made.pop(name, None)
            self._bodies.pop(name, None)
        self._all = seen
        return touched, structural

    def servers(self, stanza: Stanza, live: Lives) -> dict[str, Server]:
        """The servers that a cluster's backend is to have.

        Those that run, while nobody knows who the members are.
        """
        return self._make(stanza, live).servers

    def fill(self, frame: Skeleton, live: Lives) -> tuple[Chunk, ...]:
        """The whole file: a skeleton with its servers."""
        return (*frame.head, *[self._body(self._make(stanza, live)) for stanza in frame.stanzas])

    def count(self) -> tuple[int, int]:
        """Clusters and nodes."""
        return len(self._all), sum(len(cluster.nodes) for cluster in self._all.values())

    def _understand(self, cluster: Cluster) -> bool:
        """Take a cluster's section; whether its stanza is another one than before."""
        name = cluster.name
        former = self.stanzas.get(name)
        try:
            if not is_cluster_name(name):
                raise ValueError("no name for a backend")
            section: Section = parse_section(cluster.config or {})
            self.stanzas[name] = build(self._settings, name, section, cluster.meta_cluster)
            self.faults.pop(name, None)
        except ValueError as error:
            self.faults[name] = str(error)
        return former != self.stanzas.get(name)

    def _make(self, stanza: Stanza, live: Lives) -> _Made:
        cluster = self._all.get(stanza.cluster, Cluster(stanza.cluster, known=False))
        made = self._made.get(stanza.cluster)
        unknown = not cluster.known and not cluster.nodes
        if made and made.cluster is cluster and made.stanza is stanza and not unknown:
            return made
        running = live.get(stanza.cluster, {})
        if unknown:
            servers = _as_running(stanza, running)
        else:
            servers = roster(cluster.nodes, stanza.options, {n: s.id for n, s in running.items()})
        made = _Made(cluster, stanza, servers)
        self._made[stanza.cluster] = made
        return made

    def _body(self, made: _Made) -> Chunk:
        """The text of a cluster, made when a file needs it and not with every change."""
        name = made.stanza.cluster
        kept = self._bodies.get(name)
        if kept is None or kept[0] is not made:
            kept = self._bodies[name] = (made, body(made.stanza, made.servers))
        return kept[1]


def _as_running(stanza: Stanza, running: Mapping[str, Live]) -> dict[str, Server]:
    names: Iterable[str] = sorted(running)
    return {
        name: Server(name, there.id, there.ip, there.port, there.weight, stanza.options)
        for name in names
        for there in (running[name],)
        if there.state == "ready" and not stanza.owns(name)
    }
