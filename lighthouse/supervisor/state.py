"""All that the supervisor knows: inputs change it, ``plan`` reads it.

Nothing here waits, reads a clock or touches the system; times come in as arguments.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lighthouse.config.kinds import ClusterFile, Config, PluginFile
from lighthouse.messages import Rejection, encode
from lighthouse.roll import Roll
from lighthouse.snapshot import BalancerSnapshot, Membership, Part, Snapshot
from lighthouse.supervisor.ledger import Key, Ledger
from lighthouse.supervisor.membership import Memberships, Source
from lighthouse.supervisor.report import Host, Report


class State:
    """Configuration, the plugins' verdicts on it, memberships and the report."""

    def __init__(self, config: Config, host: Host, accepted: Mapping[Key, dict[str, Any]]) -> None:
        self.config = config
        self.ledger: Final = Ledger(accepted)
        self.memberships: Final = Memberships()
        self.report: Final = Report(host)
        self._parts: Final[dict[str, Roll[Part]]] = {}
        self._revisions: Final = itertools.count(1)

    def configure(self, config: Config, now: float) -> None:
        """Take a whole configuration."""
        self.config = config
        changed = self.ledger.update(dict(contents(config)))
        touched = self.memberships.configure(config.clusters, now)
        touched |= {key[2] for key in changed if len(key) == 3}
        self.report.configure(config)
        for balancer in self._parts.keys() - config.balancers.keys():
            del self._parts[balancer]
        for roll in (self._parts.setdefault(balancer, Roll()) for balancer in config.balancers):
            for cluster in roll.names() - config.clusters.keys():
                roll.drop(cluster)
            touched |= config.clusters.keys() - roll.names()
        self._compose(touched)

    def parts(self, balancer: str) -> tuple[Part, ...]:
        """A balancer's clusters, sorted by name."""
        return self._parts[balancer].whole()

    def observe(self, discovery: str, cluster: str, source: Source, now: float) -> bool:
        """Take a reading; whether balancers have to hear of it."""
        if not self.memberships.observe(discovery, cluster, source, now):
            return False
        self._compose([cluster])
        return True

    def pass_time(self, now: float) -> set[str]:
        """Holds end and sources grow stale; returns the clusters that changed by it."""
        changed = self.memberships.pass_time(now)
        self._compose(changed)
        return changed

    def judge(self, name: Key, sent: Snapshot, rejections: Iterable[Rejection]) -> bool:
        """A worker has validated what it was sent; whether that is news.

        Contents that have changed since are not judged by it.
        """
        keys = [key for key in self.ledger.unjudged if key[:2] == name]
        if not keys:
            return False
        judged = False
        refused = {(*name, *([r.cluster] if r.cluster else [])): r for r in rejections}
        parts: dict[str, Part] = {}
        if isinstance(sent, BalancerSnapshot):
            parts = {part.name: part for part in sent.clusters}
        for key in keys:
            if len(key) == 3:
                part = parts.get(key[2])
                current = part is not None and part is self._parts[name[1]].get(key[2])
            else:
                current = getattr(sent, "settings", None) == self.ledger.settings(key)
            if current:
                self.ledger.judge(key, refused[key].problems if key in refused else ())
                judged = True
        return judged

    def _compose(self, clusters: Iterable[str]) -> None:
        """Renew the parts of these clusters for every balancer."""
        for name in clusters:
            if name not in self.config.clusters:
                continue
            cluster, view = self.config.clusters[name], self.memberships.views[name]
            nodes = msgspec.Raw(encode(view.nodes))
            for balancer in self.config.balancers.values():
                section = section_of(cluster, balancer)
                key = ("balancer", balancer.name, name)
                body = Membership(
                    settings=None if section is None else self.ledger.settings(key),
                    nodes=nodes,
                    known=view.known,
                    stale=view.stale,
                    observed_at=self.memberships.read_at(name) or 0.0,
                    meta_cluster=cluster.meta_cluster,
                )
                part = Part(name, next(self._revisions), encode(body))
                self._parts[balancer.name].put(part)


def section_name(cluster: ClusterFile, balancer: PluginFile) -> str:
    """The key of a balancer's section: the balancer's name, else its plugin's."""
    return balancer.name if balancer.name in cluster.sections else balancer.plugin


def section_of(cluster: ClusterFile, balancer: PluginFile) -> dict[str, Any] | None:
    """A balancer's section of a cluster's file, None if it has none."""
    return cluster.sections.get(section_name(cluster, balancer))


def contents(config: Config) -> Iterable[tuple[Key, dict[str, Any]]]:
    """Every content of a configuration that a plugin has to accept."""
    for balancer in config.balancers.values():
        yield ("balancer", balancer.name), balancer.config
        for name, cluster in config.clusters.items():
            section = section_of(cluster, balancer)
            if section is not None:
                yield ("balancer", balancer.name, name), section
    for discovery in config.discovery.values():
        yield ("discovery", discovery.name), discovery.config
