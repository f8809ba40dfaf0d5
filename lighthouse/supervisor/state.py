"""All that the supervisor knows: inputs change it, ``plan`` reads it.

Nothing here waits, reads a clock or touches the system; times come in as arguments.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lighthouse.balancer import Kind
from lighthouse.cluster import Cluster
from lighthouse.config.schema.access import ControlAccess
from lighthouse.config.schema.types import ClusterFile, Config, PluginFile
from lighthouse.ipc.messages import Applied, encode
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part, Snapshot
from lighthouse.membership.memberships import Memberships
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.process.ordered import Ordered
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.services import ProvidedServices
from lighthouse.schema import Problem, Rejection
from lighthouse.supervisor.handed import HandedClusters
from lighthouse.supervisor.history.pins import Pins
from lighthouse.supervisor.standing_order import StandingOrders
from lighthouse.supervisor.verdicts import ConfigKey, Verdicts

Statement = tuple[tuple[Rejection, ...], tuple[Rejection, ...], bool]
"""All that a worker says of its configs: rejections, warnings, whether that is not all."""


class State:
    """Configuration, the plugins' verdicts on it, memberships, and what this host provides."""

    def __init__(
        self, config: Config, host: HostIdentity, accepted: Mapping[ConfigKey, dict[str, Any]]
    ) -> None:
        self.config = config
        self.verdicts: Final = Verdicts(accepted)
        self.memberships: Final = Memberships()
        self.services: Final = ProvidedServices(host)
        self.handed: Final = HandedClusters()
        self.pauses: Final = StandingOrders("paused")
        self.pins: Final = Pins()
        self._unknown: frozenset[str] = frozenset()  # nobody knows their nodes
        self._handed: Final[dict[str, tuple[Config, frozenset[str]]]] = {}  # as last noted
        self._parts: Final[dict[str, Ordered[Part]]] = {}
        self._revisions: Final = itertools.count(1)
        self._since: Final[dict[ConfigKey, int]] = {}  # the first revision with a section as it is
        self._settled: Final[
            dict[ConfigKey, Statement]
        ] = {}  # what a worker's verdicts follow from
        self._of_services: Final[dict[ConfigKey, tuple[Rejection, ...]]] = {}  # as last said

    def configure(self, config: Config, now: float) -> set[str]:
        """Take a whole configuration; returns the clusters that look otherwise or are gone."""
        self.config = config
        changed = self.verdicts.update(dict(contents(config)))
        self._reopen(changed)
        for name in self._of_services:
            self._settled.pop(name, None)
        self._of_services.clear()
        touched = self.memberships.configure(config.clusters, now, config.discovery)
        news = set(touched)
        touched |= {key[2] for key in changed if len(key) == 3}
        self.services.configure(config, now)
        for balancer in self._parts.keys() - config.balancers.keys():
            del self._parts[balancer]
        for roll in (self._parts.setdefault(balancer, Ordered()) for balancer in config.balancers):
            for cluster in roll.names() - config.clusters.keys():
                roll.drop(cluster)
            touched |= config.clusters.keys() - roll.names()
        if self._unknown - config.clusters.keys():
            self._unknown &= config.clusters.keys()
        self._compose(touched)
        return news

    def access(self) -> ControlAccess:
        """Who may ask the daemon now, and who may have it act."""
        return self.config.daemon.control

    def parts(self, balancer: str) -> tuple[Part, ...]:
        """A balancer's clusters, sorted by name."""
        return self._parts[balancer].whole()

    def part(self, balancer: str, cluster: str) -> Part | None:
        """One cluster's place in what a balancer is to be given."""
        return self._parts[balancer].get(cluster) if balancer in self._parts else None

    def wanted_of(self, balancer: PluginFile) -> BalancerSnapshot:
        """What a balancer is to serve: what is known by now, or what it is pinned to."""

        def now() -> BalancerSnapshot:
            settings = self.verdicts.settings(("balancer", balancer.name))
            return BalancerSnapshot(settings, self.parts(balancer.name), self.unserved(balancer))

        return self.pins.served(balancer.name, balancer.plugin, now) or now()

    def unserved(self, balancer: PluginFile) -> tuple[str, ...]:
        """The clusters of which nobody knows the nodes, and that a balancer was never given."""
        if not self._unknown:
            return ()
        return self.handed.never((balancer.name, balancer.plugin), self._unknown)

    def hand_over(self, balancer: str, kind: Kind) -> bool:
        """A balancer was given what is known by now; return True if that is news.

        A cluster that became known since then counts as given: better to wait for it in vain.
        """
        file = self.config.balancers.get(balancer)
        done = self._handed.get(balancer)
        if self.pins.orders.of(("balancer", balancer)) is not None:
            return False
        if file is None or (done and done[0] is self.config and done[1] is self._unknown):
            return False
        if kind not in ("failed", "held"):
            self._handed[balancer] = self.config, self._unknown
        given = self.config.clusters.keys() - self._unknown
        return self.handed.note((balancer, file.plugin), given, kind)

    def observe(self, discovery: str, looked_up: str, source: SourceReading, now: float) -> bool:
        """Take a reading; return True if balancers have to hear of it."""
        changed = self.memberships.observe(discovery, looked_up, source, now)
        self._compose(changed)
        return bool(changed)

    def link(self, discovery: str, link: SourceConnection) -> None:
        """A discovery's connection came or went."""
        self._compose(self.memberships.link(discovery, link))

    def work(self, discovery: str, reason: str, now: float) -> bool:
        """A discovery's worker runs, or why not. Return True if balancers have to hear of it."""
        changed = self.memberships.work(discovery, reason, now)
        self._compose(changed)
        return bool(changed)

    def pass_time(self, now: float) -> set[str]:
        """Holds end and sources grow stale; returns the clusters that changed by it."""
        changed = self.memberships.pass_time(now)
        self._compose(changed)
        return changed

    def clusters(self) -> list[Cluster]:
        """Every cluster as balancers are given it, without anybody's section."""
        views = self.memberships.views
        return [
            Cluster(
                name,
                [*views[name].nodes],
                known=views[name].known,
                stale=views[name].stale,
                observed_at=self.memberships.read_at(name) or 0.0,
                meta_cluster=cluster.meta_cluster,
            )
            for name, cluster in self.config.clusters.items()
        ]

    def judge(self, name: ConfigKey, sent: Snapshot, said: Applied) -> bool:
        """A worker says what it makes of what it was sent. Return True if that is news.

        What it says later of the same content replaces what it said before; while it holds
        its work back, only its errors count. Contents that have changed since are not judged
        by it. A worker that repeats itself costs next to nothing, since nearly every change
        of a cluster ends in that.
        """
        partial = said.left_out > 0 or said.kind == "held"
        statement = said.rejections, said.warnings, partial
        if self._settled.get(name) == statement:
            return False
        errors, warnings = _by_key(name, said.rejections), _by_key(name, said.warnings)
        clusters = sent.clusters if isinstance(sent, BalancerSnapshot) else ()
        revisions = {part.name: part.revision for part in clusters}
        news, whole = self._say_of_services(name, said.rejections), True
        for key in self.verdicts.of(name):
            if not self._is_current(key, sent, revisions):
                whole = False
            elif key in errors or not partial:
                verdict = errors.get(key, ()), warnings.get(key, ())
                news = self.verdicts.judge(key, *verdict) or news
        if whole:
            self._settled[name] = statement
        return news

    def _say_of_services(self, name: ConfigKey, rejections: Iterable[Rejection]) -> bool:
        """Return True if a worker says something else of services' files than before."""
        said = tuple(rejection for rejection in rejections if rejection.service is not None)
        before = self._of_services.pop(name, ())
        if said:
            self._of_services[name] = said
        return said != before

    def _reopen(self, changed: Iterable[ConfigKey]) -> None:
        """These contents are not what their workers have judged any more."""
        revision = next(self._revisions)
        for key in changed:
            self._settled.pop(key[:2], None)
            self._since.pop(key, None)
            if len(key) == 3 and key in self.verdicts:
                self._since[key] = revision

    def _is_current(self, key: ConfigKey, sent: Snapshot, revisions: Mapping[str, int]) -> bool:
        """Return True if a content was sent as it is now."""
        if len(key) == 3:
            return revisions.get(key[2], 0) >= self._since[key]
        return getattr(sent, "settings", None) == self.verdicts.settings(key)

    def _compose(self, clusters: Iterable[str]) -> None:
        """Renew the parts of these clusters for every balancer."""
        for name in clusters:
            if name not in self.config.clusters:
                continue
            cluster, view = self.config.clusters[name], self.memberships.views[name]
            nodes = msgspec.Raw(encode(view.nodes))
            known = view.known or bool(view.nodes)
            if known is (name in self._unknown):
                self._unknown ^= {name}
            for balancer in self.config.balancers.values():
                section = section_of(cluster, balancer)
                key = ("balancer", balancer.name, name)
                body = Membership(
                    settings=None if section is None else self.verdicts.settings(key),
                    nodes=nodes,
                    known=view.known,
                    stale=view.stale,
                    observed_at=self.memberships.read_at(name) or 0.0,
                    meta_cluster=cluster.meta_cluster,
                )
                part = Part(name, next(self._revisions), encode(body))
                self._parts[balancer.name].put(part)


def _by_key(
    name: ConfigKey, rejections: Iterable[Rejection]
) -> dict[ConfigKey, tuple[Problem, ...]]:
    """Problems by the plugin's own content or section of a cluster that they are about."""
    found: dict[ConfigKey, tuple[Problem, ...]] = {}
    for rejection in rejections:
        if rejection.service is not None:
            continue
        key = name if rejection.cluster is None else (*name, rejection.cluster)
        found[key] = found.get(key, ()) + rejection.problems
    return found


def section_name(cluster: ClusterFile, balancer: PluginFile) -> str:
    """The key of a balancer's section: the balancer's name, else its plugin's."""
    return balancer.name if balancer.name in cluster.sections else balancer.plugin


def section_of(cluster: ClusterFile, balancer: PluginFile) -> dict[str, Any] | None:
    """A balancer's section of a cluster's file, None if it has none."""
    return cluster.sections.get(section_name(cluster, balancer))


def contents(config: Config) -> Iterable[tuple[ConfigKey, dict[str, Any]]]:
    """Every content of a configuration that a plugin has to accept."""
    for balancer in config.balancers.values():
        yield ("balancer", balancer.name), balancer.config
        for name, cluster in config.clusters.items():
            section = section_of(cluster, balancer)
            if section is not None:
                yield ("balancer", balancer.name, name), section
    for discovery in config.discovery.values():
        yield ("discovery", discovery.name), discovery.config
