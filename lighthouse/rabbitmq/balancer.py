"""The ``rabbitmq`` balancer: a cluster finds its members, and none is lost by mistake."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from lighthouse import hookimpl
from lighthouse.balancer import UNCHANGED, Balancer, Claim, Finding, Outcome, Preview
from lighthouse.cluster import Cluster
from lighthouse.files import FileGroup, Mark, difference
from lighthouse.rabbitmq.broker import LocalBroker, Sight
from lighthouse.rabbitmq.changes.keeper import MemberKeeper
from lighthouse.rabbitmq.control import Rabbitmqctl, program_fault
from lighthouse.rabbitmq.cookie import cookie_fault
from lighthouse.rabbitmq.peers import NotOurs, PeersTarget, listed, names_of, render, wanted
from lighthouse.rabbitmq.settings import (
    BrokerSection,
    BrokerSettings,
    parse_settings,
)
from lighthouse.software.installation import install

_LOOK = 1.0
"""Seconds between two looks at the file, and whether it is time to ask the broker."""


class RabbitmqPeers(Balancer):
    """Keeps the peer list for first boots, and watches the cluster of this host's broker."""

    settings_type: ClassVar = BrokerSettings
    section_type: ClassVar = BrokerSection
    handles_unknown: ClassVar[bool] = True
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._clusters: list[Cluster] | None = None
        self._mark: Mark = ()
        self._last = UNCHANGED
        self._take(BrokerSettings())

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        settings = parse_settings(config)
        state = Claim(("state_file",), "file", settings.state_file)
        return [Claim(("peers_file",), "file", settings.peers_file), state]

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._take(parse_settings(config))

    def _take(self, settings: BrokerSettings) -> None:
        self._settings, self._clusters = settings, None
        self._control = Rabbitmqctl(
            settings.rabbitmqctl, settings.local_node, settings.timeout, self.still_working
        )
        self._broker = LocalBroker(settings, self._control)
        self._keeper = MemberKeeper(settings, self._control, self._broker)
        self._listed: frozenset[str] = frozenset()
        self._target = PeersTarget(settings.peers_file)
        self._group = FileGroup(_nothing)

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._clusters = _served(clusters)
        return self._sync()

    def wake_after(self) -> float | None:
        return None if self._clusters is None else _LOOK

    def wake(self) -> Outcome | None:
        """Asks the broker when it is time, and puts right what somebody else wrote."""
        if self._clusters is None:
            return None
        self._keeper.count(self._listed)
        edited = self._mark != self._target.mark()
        if not edited and not self._broker.due and not self._keeper.due:
            return None
        former = self._last
        outcome = self._sync()
        return outcome if edited or not outcome.repeats(former) else None

    def preview(self, clusters: list[Cluster]) -> Preview:
        served = _served(clusters)
        if len(served) != 1:
            return Preview(findings=tuple(_surplus(served)))
        try:
            names, waits, findings = self._names(served[0])
        except (NotOurs, OSError) as error:
            return Preview(findings=(Finding(("peers_file",), self._trouble(error)),))
        if waits is not None or self._target.has(render(names)):
            return Preview(findings=findings)
        return Preview(difference(self._target, render(names)), findings=findings)

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        settings = self._settings
        found = [*_surplus(_served(clusters))]
        directory = Path(settings.peers_file).parent
        if not directory.is_dir():
            told = f"there is no directory {directory}: create it, or set another peers_file"
            found.append(Finding(("peers_file",), told))
        if fault := program_fault(settings.rabbitmqctl):
            found.append(Finding(("rabbitmqctl",), fault, warning=True))
        elif fault := cookie_fault(settings.cookie_file, settings.user):
            found.append(Finding(("cookie_file",), fault, warning=True))
        return found

    def status(self) -> Mapping[str, Any]:
        sight, found = self._broker.sight, dict[str, Any]()
        if self._clusters:
            found["listed"] = len(self._clusters[0].nodes)
        found["broker"] = sight.condition or "not asked"
        found["calls"] = self._control.calls
        if (topology := sight.topology) is not None:
            found["running"] = list(topology.running_nodes)
            found["members"] = list(topology.disk_nodes)
            found["partitions"] = list(topology.partitioned)
            versions = {one.rabbitmq_version for one in topology.versions.values()}
            found["versions"] = sorted(versions)
        if absent := self._keeper.status():
            found["absent"] = absent
        return found

    def _sync(self) -> Outcome:
        self._last = self._synced()
        return self._last

    def _synced(self) -> Outcome:
        clusters = self._clusters or []
        try:
            self._keeper.count(self._listed)
            if self._keeper.interrupted:
                self._broker.look()
                self._keeper.act(looked=False)
            if not clusters:
                return Outcome("unchanged", "no cluster has a section for rabbitmq")
            if len(clusters) > 1:
                findings = tuple(_surplus(clusters))
                return Outcome("failed", f"no file is touched: {findings[0].message}", findings)
            return self._kept(clusters[0])
        except OSError as error:
            return Outcome("failed", f"nothing is done to any member: {error}")

    def _kept(self, cluster: Cluster) -> Outcome:
        """Have the file right first, since asking the broker may take its time."""
        self._keeper.see(self._fresh(cluster))
        outcome = self._write(cluster)
        self._mark = self._target.mark()
        looked = self._broker.due
        sight = self._broker.look()
        acted = self._keeper.act(looked)
        return _combined(outcome, self._broker.sight if acted else sight, acted)

    def _fresh(self, cluster: Cluster) -> frozenset[str] | None:
        """The names of a snapshot that counts, None if it does not."""
        seen, _ = names_of(cluster, self._settings.node_name)
        return seen if seen and cluster.known and not cluster.stale else None

    def _write(self, cluster: Cluster) -> Outcome:
        """Have the file name everybody who was ever seen."""
        try:
            names, waits, findings = self._names(cluster)
        except (NotOurs, OSError) as error:
            return Outcome("failed", f"no file is touched: {self._trouble(error)}")
        if waits is not None:
            return Outcome(waits.kind, waits.reason, findings)
        outcome = install(self._group, [(self._target, render(names))])
        return Outcome(outcome.kind, outcome.reason, findings)

    def _names(
        self, cluster: Cluster
    ) -> tuple[frozenset[str], Outcome | None, tuple[Finding, ...]]:
        """The names for the file, or how it stays as it is; and nodes that have no name.

        Raises ``NotOurs`` or ``OSError``.
        """
        kept = self._listed = listed(self._target.read())
        seen, odd = names_of(cluster, self._settings.node_name)
        findings = tuple(Finding((), told, cluster.name, warning=True) for told in odd)
        waits = _waits(cluster, seen, kept, self._settings.min_peers)
        return wanted(seen, kept, self._keeper.gone()), waits, findings

    def _trouble(self, error: Exception) -> str:
        return f"{self._target.path} {error}" if isinstance(error, NotOurs) else str(error)


def _nothing() -> None:
    """RabbitMQ reads the file when it starts, and needs no telling."""


def _served(clusters: Sequence[Cluster]) -> list[Cluster]:
    return [cluster for cluster in clusters if cluster.config is not None]


def _surplus(clusters: Sequence[Cluster]) -> Iterator[Finding]:
    """A broker is a member of one cluster only."""
    for cluster in clusters[1:]:
        told = f"{clusters[0].name} has a section for rabbitmq already: a broker is in one cluster"
        yield Finding((), told, cluster.name)


def _waits(
    cluster: Cluster, seen: frozenset[str], kept: frozenset[str], least: int
) -> Outcome | None:
    """How a sync ends that leaves the file as it is, None if it need not."""
    if not cluster.known:
        told = f"nobody knows yet who the nodes of {cluster.name} are"
        return Outcome("held", f"{told}: the file stays as it is")
    if cluster.stale:
        told = f"the source of {cluster.name} is away"
        return Outcome("unchanged", f"{told}: the file stays as it is")
    if not seen:
        return Outcome("unchanged", f"{cluster.name} has no nodes: the file stays as it is")
    if not kept and len(seen) < least:
        told = f"there is no file before min_peers {least} names were seen, and these are"
        return Outcome("held", f"{told} {len(seen)}: too few might form a cluster of their own")
    return None


def _combined(outcome: Outcome, sight: Sight, acted: Outcome | None) -> Outcome:
    """How a sync ended: of the file, of what was seen of the broker, of what was done to it."""
    if outcome.kind == "failed":
        return outcome
    if sight.fault:
        return Outcome("degraded", sight.told, outcome.findings)
    if sight.topology is not None and (lost := sight.topology.partitioned):
        told = f"the cluster is partitioned ({', '.join(lost)}): see the run-book; a person acts"
        return Outcome("degraded", told, outcome.findings)
    told = "; ".join(filter(None, (outcome.reason, acted.reason if acted else sight.told)))
    kind = outcome.kind if acted is None or acted.kind == "unchanged" else acted.kind
    return Outcome(kind, told, outcome.findings)


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    return RabbitmqPeers
