"""The worker that hosts a balancer: ``python -m lighthouse.workers.balancer``."""

import copy
import logging
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from lighthouse.balancer import APPLIED, Balancer, Finding, Kind, Outcome, Withheld
from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Deliver, Rehearsal, Validated, unpack
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part, PluginSettings
from lighthouse.node import Node
from lighthouse.process.wakeup import Wakeup
from lighthouse.schema import Problem, Rejection
from lighthouse.workers.decoded_clusters import DecodedCluster, DecodedClusters
from lighthouse.workers.host import serve
from lighthouse.workers.limits import one_line
from lighthouse.workers.loading.kind import BALANCER
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.plugin_call import PluginError, call
from lighthouse.workers.role import WorkerRole, WorkReport, create
from lighthouse.workers.trial import admit_preview, examine
from lighthouse.workers.validation import (
    ConfigVerdict,
    admit_findings,
    admit_withheld,
    judge,
    merge,
    rejudge,
)

_NAMED: Final = 5
"""At most so many clusters are named in one line."""

_log: Final = logging.getLogger("lighthouse.worker")
_KINDS: Final = frozenset(get_args(Kind))
_nodes: Final = msgspec.msgpack.Decoder(tuple[Node, ...])
_membership: Final = msgspec.msgpack.Decoder(Membership)


class BalancerRole(WorkerRole):
    """Hands the clusters of the newest snapshot to ``sync_file``.

    A cluster is decoded once per revision and its section validated once per content, so
    that the cost of a snapshot is the cost of what changed in it.
    """

    def __init__(self, plugin: type[Balancer], outbox: Outbox, _wakeup: Wakeup) -> None:
        self._class: Final = plugin
        self._plugin: Final = create(plugin, outbox)
        self._settings = PluginSettings()
        self._judged: tuple[PluginSettings, ConfigVerdict] | None = None
        self._config: dict[str, Any] | None = None  # what the plugin has taken
        self._holdings: Final = DecodedClusters()
        self._unserved: frozenset[str] = frozenset()
        # what the software said last, each with the content that it is about
        self._findings: tuple[tuple[Finding, dict[str, Any] | None], ...] = ()
        self._withheld: tuple[Withheld, ...] = ()

    def take(self, delivery: Deliver, payload: memoryview) -> None:
        if not delivery.base or delivery.base != self.base:
            self._lay(payload)
            self.base = delivery.base
        self._holdings.overlay([self._hold(part) for part in delivery.fresh])

    def converge(self) -> WorkReport:
        verdict = self._verdict()
        if verdict.config is None:
            return self._report(Outcome("failed", f"its config is rejected: {verdict.reason}"))
        try:
            if self._config is None or self._config != verdict.config:
                self._config = None
                call("apply_config", self._plugin.apply_config, copy.deepcopy(verdict.config))
                self._config = verdict.config
            waits = self._waits()
            if waits:
                return self._report(Outcome("held", waits))
            outcome = call("sync_file", self._plugin.sync_file, self._given())
        except PluginError as failure:
            return self._report(Outcome("failed", failure.reason), failure.traceback)
        return self._said("sync_file", APPLIED if outcome is None else outcome)

    def validate(self, payload: memoryview) -> Validated:
        snapshot = unpack(payload)
        if not isinstance(snapshot, BalancerSnapshot):
            raise ValueError(f"a {type(snapshot).__name__}")
        return examine(self._class, snapshot)

    def rehearse(self, payload: memoryview) -> Rehearsal:
        if self._config is not None:
            raise ValueError("this worker serves")
        self._lay(payload)
        verdict = self._verdict()
        rejections = self._rejected()
        if verdict.config is None:
            reason = f"its config is rejected: {verdict.reason}"
            return Rehearsal(rejections=rejections, reason=reason)
        waits = self._waits()
        if waits:
            return Rehearsal(rejections=rejections, waits=waits)
        if self._class.preview is Balancer.preview:
            return Rehearsal(rejections=rejections, previews=False)
        try:
            call("apply_config", self._plugin.apply_config, copy.deepcopy(verdict.config))
            previewed = call("preview", self._plugin.preview, self._given())
            return admit_preview(previewed, rejections, self._has_section)
        except PluginError as failure:
            return Rehearsal(rejections=rejections, reason=failure.reason)
        except TypeError as error:
            return Rehearsal(rejections=rejections, reason=f"preview: {error}")

    def wake(self) -> WorkReport | None:
        try:
            outcome = call("wake", self._plugin.wake)
        except PluginError as failure:
            return self._report(Outcome("failed", failure.reason), failure.traceback)
        return None if outcome is None else self._said("wake", outcome)

    def fileno(self) -> int | None:
        return None if self._config is None else self._plugin.fileno()

    def wake_after(self) -> float | None:
        return None if self._config is None else self._plugin.wake_after()

    def status(self) -> Mapping[str, Any]:
        return self._plugin.status()

    def summary(self) -> str:
        return f"{len(self._holdings.clusters)} clusters, {self._holdings.nodes} nodes"

    def close(self, grace: float, keep: bool = False) -> None:
        if self._config is None:
            return
        try:
            call("close", self._plugin.close)
        except PluginError as failure:
            _log.error("%s\n%s", failure.reason, failure.traceback)

    def _verdict(self) -> ConfigVerdict:
        """What of the plugin's config is in force; a rejected one is judged at each retry."""
        verdict = None
        if self._judged is not None and self._judged[1].config is not None:
            verdict = rejudge(*self._judged, self._settings)
        if verdict is None:
            verdict = judge(self._class.validate_config, self._settings)
        self._judged = (self._settings, verdict)
        return verdict

    def _given(self) -> list[Cluster]:
        """The plugin's own list of clusters, without those that it would take for empty."""
        unknown = self._holdings.unknown
        if self._class.handles_unknown or not unknown:
            return list(self._holdings.clusters)
        return [cluster for cluster in self._holdings.clusters if cluster.name not in unknown]

    def _waits(self) -> str:
        """Why the plugin cannot be given the clusters yet, empty if it can.

        The software may serve nodes of an unknown cluster by now, of an earlier run; without
        that cluster in the list, the plugin would take them out.
        """
        if self._class.handles_unknown:
            return ""
        unknown = self._holdings.unknown
        # A plugin of whose sections there is none at all has to do with every cluster.
        every = unknown and all(c.config is None for c in self._holdings.clusters)
        used = {name for name, c in unknown.items() if every or c.config is not None}
        awaited = sorted(used - self._unserved)
        if not awaited:
            return ""
        names = ", ".join(awaited[:_NAMED]) + (", ..." if len(awaited) > _NAMED else "")
        return (
            f"nobody has said yet who the nodes of {names} are: what runs is left as it is; "
            f"`lighthouse explain {awaited[0]}` tells why"
        )

    def _lay(self, payload: memoryview) -> None:
        """Take the snapshot in a payload; nothing of another one stays."""
        snapshot = unpack(payload, self._holdings.revisions)
        if not isinstance(snapshot, BalancerSnapshot):
            raise TypeError(f"a {type(snapshot).__name__} was sent to a balancer")
        self._settings = snapshot.settings
        self._unserved = frozenset(snapshot.unserved)
        self._holdings.lay([self._hold(part) for part in snapshot.clusters])

    def _hold(self, part: Part) -> DecodedCluster:
        """A cluster to hold, decoded if its revision is another one than what is held."""
        before = self._holdings.get(part.name)
        if before is not None and before.revision == part.revision:
            return before
        return self._decode(part, before)

    def _decode(self, part: Part, before: DecodedCluster | None) -> DecodedCluster:
        try:
            body = _membership.decode(part.body)
            nodes = _nodes.decode(body.nodes)
        except (msgspec.DecodeError, ValueError) as error:
            problem = Problem((), one_line(f"its nodes cannot be read: {error}"))
            unread = Rejection((problem,), cluster=part.name)
            kept = before.cluster if before else None
            return DecodedCluster(part.name, part.revision, kept, None, unread)
        config, rejection = self._section(part.name, body.settings, before)
        if rejection is not None and config is None:
            return DecodedCluster(part.name, part.revision, None, body.settings, rejection)
        cluster = Cluster(
            part.name,
            nodes,
            copy.deepcopy(config),
            body.known,
            body.stale,
            body.observed_at,
            body.meta_cluster,
        )
        if before is not None and before.cluster == cluster:
            cluster = before.cluster
        return DecodedCluster(part.name, part.revision, cluster, body.settings, rejection, config)

    def _section(
        self, name: str, settings: PluginSettings | None, before: DecodedCluster | None
    ) -> tuple[dict[str, Any] | None, Rejection | None]:
        """The cluster's section that is in force, validated if its content is new."""
        if settings is None:
            return None, None
        verdict = None
        if before is not None and before.settings is not None:
            verdict = ConfigVerdict(before.config, before.rejection)
            verdict = rejudge(before.settings, verdict, settings)
        if verdict is None:
            verdict = judge(self._class.validate_cluster_config, settings, name)
        return verdict.config, verdict.rejection

    def _said(self, where: str, outcome: object) -> WorkReport:
        """The plugin's outcome and findings, or what is wrong with them."""
        if not isinstance(outcome, Outcome) or outcome.kind not in _KINDS:
            shown = outcome.kind if isinstance(outcome, Outcome) else type(outcome).__name__
            reason = f"{where} returned {shown}, expected an Outcome or None"
            return self._report(Outcome("failed", reason))
        if outcome.findings or self._findings:
            try:
                findings = admit_findings(outcome.findings, self._has_section)
            except TypeError as error:
                return self._report(Outcome("failed", f"{where}: {error}"))
            self._findings = tuple([(f, self._content(f.cluster)) for f in findings])
        try:
            self._withheld = admit_withheld(call("withheld", self._plugin.withheld))
        except PluginError as failure:
            return self._report(Outcome("failed", failure.reason), failure.traceback)
        except TypeError as error:
            return self._report(Outcome("failed", f"withheld: {error}"))
        return self._report(outcome)

    def _report(self, outcome: Outcome, traceback: str = "") -> WorkReport:
        """Where the plugin said nothing, its last findings hold for what has not changed."""
        rejections = self._rejected()
        reason = one_line(str(outcome.reason))
        held = self._withheld
        if not self._findings:
            return WorkReport(outcome.kind, reason, traceback, rejections, withheld=held)
        findings = [f for f, content in self._findings if self._content(f.cluster) == content]
        errors, warnings = merge(rejections, findings, False), merge((), findings, True)
        return WorkReport(outcome.kind, reason, traceback, errors, warnings, held)

    def _rejected(self) -> tuple[Rejection, ...]:
        """What the plugin's own validation rejects."""
        own = self._judged[1].rejection if self._judged is not None else None
        found = self._holdings.rejections
        return found if own is None else (own, *found)

    def _has_section(self, cluster: str) -> bool:
        return self._content(cluster) is not None

    def _content(self, cluster: str | None) -> dict[str, Any] | None:
        """The newest content of a cluster's section, or of the plugin's own file."""
        if cluster is None:
            return self._settings.config
        held = self._holdings.get(cluster)
        return held.settings.config if held is not None and held.settings is not None else None


def main() -> None:
    serve(BALANCER, BalancerRole)


if __name__ == "__main__":
    main()
