"""What the clusters want: their stanzas, and their servers as records and as text.

Everything is kept per cluster and made anew only for a cluster that has changed, so that the
cost of a change does not depend on the size of the fleet.
"""

import itertools
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.balancer import Finding, Withheld
from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering import binds, peers_section
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.fronts import Front, fronts
from lighthouse.haproxy.rendering.live import Live, Lives
from lighthouse.haproxy.rendering.render import Skeleton, body
from lighthouse.haproxy.rendering.server import Need, ServerLine, address, need, roster
from lighthouse.haproxy.rendering.slots import Seat, seat
from lighthouse.haproxy.rendering.stanza import Built, Stanza, bind_address, build
from lighthouse.haproxy.schema import node_options
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.haproxy.schema.cluster import ClusterSection, parse_section
from lighthouse.haproxy.sync.held_nodes import LOOP, suspects, taken, withhold
from lighthouse.node import Node, is_cluster_name
from lighthouse.peer import Peer

_SHOWN: Final = 3


class _Made(msgspec.Struct, frozen=True):
    cluster: Cluster
    stanza: Stanza
    servers: dict[str, ServerLine]


class WantedClusters:
    """The wanted clusters of one ``HAProxySettings``.

    ``faults`` are those whose sections make no sense, ``oddities`` what their nodes ask for
    in vain.
    """

    def __init__(self, settings: HAProxySettings) -> None:
        self._settings: Final = settings
        self._local: Final = peers_section.local_name(settings, socket.gethostname())
        self._clusters: tuple[Cluster, ...] = ()
        self._all: Final[dict[str, Cluster]] = {}
        self._nodes = 0
        self._sections: Final[dict[str, ClusterSection]] = {}
        self._built: Final[dict[str, Built]] = {}
        self._made: Final[dict[str, _Made]] = {}
        self._bodies: Final[dict[str, tuple[_Made, Chunk]]] = {}
        self._peers: Final[dict[str, frozenset[Peer]]] = {}
        self.stanzas: Final[dict[str, Stanza]] = {}
        self.faults: Final[dict[str, str]] = {}
        self.oddities: Final[dict[str, list[str]]] = {}
        self._held: Final[dict[str, tuple[Withheld, ...]]] = {}
        self._near: Final[set[str]] = set()
        self._fronts: Final[dict[str, tuple[Front, ...]]] = {}

    def take(self, clusters: Sequence[Cluster]) -> tuple[set[str], bool]:
        """The names of clusters that changed, and whether anything but their nodes did."""
        touched, structural = self._compare(clusters)
        return touched | self._look_again(), structural

    @property
    def withheld(self) -> tuple[Withheld, ...]:
        """The members that get no new traffic, and why."""
        return tuple(each for name in sorted(self._held) for each in self._held[name])

    @property
    def loops(self) -> tuple[Finding, ...]:
        """A warning for each cluster that has its own front end among its nodes."""
        return tuple(
            Finding((), f"{_some(each.nodes)} is left out: it is {LOOP}", each.cluster, True)
            for each in self.withheld
            if each.reason == LOOP
        )

    def _compare(self, clusters: Sequence[Cluster]) -> tuple[set[str], bool]:
        before, self._clusters = self._clusters, tuple(clusters)
        changed = [
            (old, new)
            for old, new in itertools.zip_longest(before, self._clusters)
            if old is not new
        ]
        return self._take([old for old, _ in changed if old], [new for _, new in changed if new])

    def _take(self, former: Sequence[Cluster], news: Sequence[Cluster]) -> tuple[set[str], bool]:
        """What has changed: clusters that are no more as they were, and as they are now."""
        structural = False
        seen = {cluster.name: cluster for cluster in news if cluster.config is not None}
        touched = {name for name, cluster in seen.items() if self._all.get(name) is not cluster}
        for cluster in former:
            if cluster.config is not None and cluster.name not in seen:
                structural |= self._forget(cluster.name)
        for name in touched:
            cluster = seen[name]
            known = self._all.get(name)
            self._all[name] = cluster
            self._nodes += len(cluster.nodes) - (len(known.nodes) if known else 0)
            same = known is not None and (known.config, known.meta_cluster) == (
                cluster.config,
                cluster.meta_cluster,
            )
            if not same:
                structural |= self._understand(cluster)
            self._peers[name] = frozenset(node.peer for node in cluster.nodes if node.peer)
            self._inspect(cluster)
            self._hold(cluster)
        return touched, structural

    def _forget(self, name: str) -> bool:
        """Forget a cluster that is gone; returns True if its stanza went with it."""
        self._nodes -= len(self._all.pop(name).nodes)
        self.faults.pop(name, None)
        self.oddities.pop(name, None)
        self._held.pop(name, None)
        self._fronts.pop(name, None)
        for table in (self._sections, self._built, self._made, self._bodies, self._peers):
            table.pop(name, None)
        self._near.discard(name)
        return self.stanzas.pop(name, None) is not None

    def servers(self, stanza: Stanza, live: Lives) -> dict[str, ServerLine]:
        """The servers that a cluster's backend is to have.

        Those that run, while nobody knows who the members are.
        """
        return self._make(stanza, live).servers

    def fill(self, frame: Skeleton, live: Lives) -> tuple[Chunk, ...]:
        """The whole file: a skeleton with its servers."""
        return (*frame.head, *[self._body(self._make(stanza, live)) for stanza in frame.stanzas])

    def peers(self) -> frozenset[Peer]:
        """Everybody who registered a node of any cluster.

        But for those who have this host's name and an address that is not of this host.
        """
        found = frozenset[Peer]().union(*self._peers.values())
        return frozenset(p for p in found if p.name != self._local or binds.is_here(p.ip))

    def count(self) -> tuple[int, int]:
        """Clusters and nodes."""
        return len(self._all), self._nodes

    def _understand(self, cluster: Cluster) -> bool:
        """Take a cluster's section; returns True if its stanza is another one than before.

        It was parsed before, to be validated: of that the contract of balancers keeps nothing
        but the faults. It is parsed here once per change of it, not of the members.
        """
        name = cluster.name
        former = self.stanzas.get(name)
        try:
            if not is_cluster_name(name):
                raise ValueError("no name for a backend")
            section = parse_section(cluster.config or {})
            built = build(self._settings, name, section, cluster.meta_cluster)
            self._sections[name], self._built[name] = section, built
            self._fronts[name] = tuple(self._front(cluster, built.stanza))
            if built.stanza != former:
                self.stanzas[name] = built.stanza
            self.faults.pop(name, None)
        except ValueError as error:
            self.faults[name] = str(error)
        return former is not self.stanzas.get(name)

    def _look_again(self) -> set[str]:
        """The clusters of which a node has become this host's own front end, or no more is."""
        return {name for name in sorted(self._near) if self._hold(self._all[name])}

    def _hold(self, cluster: Cluster) -> bool:
        """Note the nodes that get no traffic; returns True if they are others than before."""
        name = cluster.name
        near = suspects(cluster.nodes, self._fronts.get(name, ()))
        (self._near.add if near else self._near.discard)(name)
        loops = {node.key for node in near if binds.is_here(node.ip)}
        before = self._held.pop(name, ())
        held = tuple(withhold(cluster, self._sections.get(name, ClusterSection()), loops))
        if held:
            self._held[name] = held
        if before != held:
            self._made.pop(name, None)
        return before != held

    def _front(self, cluster: Cluster, stanza: Stanza) -> Iterator[Front]:
        """Where a cluster is served on this host."""
        yield from fronts(stanza.text)
        meta = self._settings.meta_clusters.get(cluster.meta_cluster or "")
        if meta is not None:
            port = f"bind {bind_address(self._settings.bind_address, meta.port)}"
            yield from fronts("".join(f"    {line}\n" for line in (port, *meta.frontend)))

    def _inspect(self, cluster: Cluster) -> None:
        """Note what nodes ask for that they cannot have."""
        stanza = self.stanzas.get(cluster.name)
        allowed = stanza.facts.node_options if stanza else ()
        http = stanza is not None and not stanza.facts.tcp
        found = [
            f"{cluster.name}: {node.name} ({node.place}): its {key} is no value for that option"
            for node in cluster.nodes
            if allowed and node.metadata
            for key in node_options.read(allowed, node.metadata, http)[1]
        ]
        if found:
            self.oddities[cluster.name] = found
        else:
            self.oddities.pop(cluster.name, None)

    def unanswered(self) -> list[str]:
        """Return the clusters with a section of ours whose nodes nobody has named yet."""
        every = self._all.values()
        return [c.name for c in every if c.config is not None and not c.known and not c.nodes]

    def _make(self, stanza: Stanza, live: Lives) -> _Made:
        name = stanza.cluster
        cluster = self._all.get(name, Cluster(name, known=False))
        made = self._made.get(name)
        unknown = not cluster.known and not cluster.nodes
        fixed = stanza.facts.growth.way != "slot" and not unknown
        if made and fixed and made.cluster is cluster and made.stanza is stanza:
            return made
        running = live.get(name, {})
        if unknown:
            servers = _as_running(stanza, running)
        else:
            servers = _wanted(stanza, taken(cluster.nodes, self._held.get(name, ())), running)
        if made is None or (made.cluster, made.stanza, made.servers) != (cluster, stanza, servers):
            made = self._made[name] = _Made(cluster, stanza, servers)
        return made

    def _body(self, made: _Made) -> Chunk:
        """The text of a cluster, made when a file needs it and not with every change."""
        name = made.stanza.cluster
        kept = self._bodies.get(name)
        if kept is None or kept[0] is not made:
            built = self._built.get(name)
            places = built.places if built and built.stanza == made.stanza else ()
            kept = self._bodies[name] = (made, body(made.stanza, made.servers, places))
        return kept[1]


def _wanted(
    stanza: Stanza, nodes: Sequence[Node], running: Mapping[str, Live]
) -> dict[str, ServerLine]:
    facts = stanza.facts
    needs: list[Need] = [need(node, facts.node_options, not facts.tcp) for node in nodes]
    if facts.growth.way == "slot":
        seats = {n: Seat(s.ip, s.port, s.state == "ready") for n, s in running.items()}
        return seat(needs, facts.options, seats, facts.slots)
    ids = {name: there.id for name, there in running.items()}
    return roster(needs, facts.options, facts.cookie, ids)


def _as_running(stanza: Stanza, running: Mapping[str, Live]) -> dict[str, ServerLine]:
    """The servers that run; slots stay, seated or vacant, and who left is not called back."""
    slots = stanza.facts.growth.way == "slot"
    found = {}
    for name in sorted(running):
        there = running[name]
        if stanza.owns(name) or not (slots or there.state == "ready"):
            continue
        spare = there.state != "ready"
        words = stanza.facts.options
        weight = there.initial if spare else there.weight
        found[name] = ServerLine(name, there.id, there.ip, there.port, weight, words, spare=spare)
    return found


def _some(nodes: Sequence[tuple[str, int]]) -> str:
    shown = ", ".join(address(*key) for key in nodes[:_SHOWN])
    return shown if len(nodes) <= _SHOWN else f"{shown} and {len(nodes) - _SHOWN} more"
