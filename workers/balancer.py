"""The worker that hosts a balancer: ``python -m lighthouse.workers.balancer``."""

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from lighthouse.balancer import (
    APPLIED,
    Balancer,
    Finding,
    Kind,
    Outcome,
    Unreachable,
    Withheld,
)
from lighthouse.cluster import Cluster
from lighthouse.ipc.messages import Deliver, Validated
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.ipc.snapshot import BalancerSnapshot, Part, PluginSettings, unpack
from lighthouse.process.wakeup import Wakeup
from lighthouse.schema import Rejection
from lighthouse.workers.awaited import awaited
from lighthouse.workers.boundary import claimed, place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.limits import REASON, one_line, shown
from lighthouse.workers.boundary.plugin_call import PluginError, call, hosted
from lighthouse.workers.boundary.trial import admit_preview, examine, untaken
from lighthouse.workers.boundary.validation import (
    ConfigVerdict,
    admit_findings,
    admit_withheld,
    judge,
    merge,
    rejudge,
)
from lighthouse.workers.decoded_clusters import (
    DecodedCluster,
    DecodedClusters,
    decode_cluster,
    fresh,
)
from lighthouse.workers.loading.kind import BALANCER
from lighthouse.workers.main import serve
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.role import WorkerRole, WorkReport, create

_log: Final = logging.getLogger("lighthouse.worker")
_KINDS: Final = get_args(Kind)
_LEGAL: Final = ", ".join(_KINDS)


class BalancerRole(WorkerRole):
    """Hands the clusters of the newest snapshot to ``sync_file``.

    A cluster is decoded once per revision and its section validated once per content, so
    that the cost of a snapshot is the cost of what changed in it.
    """

    def __init__(
        self, plugin: type[Balancer], outbox: Outbox, _wakeup: Wakeup, conduct: Conduct
    ) -> None:
        self.plugin_class: type[Balancer] = plugin
        self._conduct: Final = conduct
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
                claimed.note(self.plugin_class, verdict.config, self._conduct)
            waits = self._waits()
            if waits:
                return self._report(Outcome("held", waits))
            outcome = call("sync_file", self._plugin.sync_file, self._given())
        except PluginError as failure:
            return self._raised(failure)
        return self._said("sync_file", self._admit("sync_file", outcome) or APPLIED)

    def validate(self, payload: memoryview, software: bool = True) -> Validated:
        snapshot = unpack(payload)
        if not isinstance(snapshot, BalancerSnapshot):
            raise ValueError(f"a {type(snapshot).__name__}")
        found = examine(self.plugin_class, snapshot, software, self._conduct)
        if software or any(rejection.cluster is None for rejection in found.rejections):
            return found
        return msgspec.structs.replace(
            found, reason=untaken(self.plugin_class, snapshot.settings.config)
        )

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
        if self.plugin_class.preview is Balancer.preview:
            return Rehearsal(rejections=rejections, previews=False)
        try:
            call("apply_config", self._plugin.apply_config, copy.deepcopy(verdict.config))
            previewed = call("preview", self._plugin.preview, self._given())
            return admit_preview(previewed, rejections, self._has_section)
        except PluginError as failure:
            return Rehearsal(rejections=rejections, reason=failure.located)
        except TypeError as error:
            told = hosted.located(f"preview: {error}", self._place("preview"))
            return Rehearsal(rejections=rejections, reason=told)

    def wake(self) -> WorkReport | None:
        try:
            outcome = self._admit("wake", call("wake", self._plugin.wake))
        except PluginError as failure:
            return self._raised(failure)
        return None if outcome is None else self._said("wake", outcome)

    def fileno(self) -> int | None:
        return None if self._config is None else self._plugin.fileno()

    def wake_after(self) -> float | None:
        return None if self._config is None else self._plugin.wake_after()

    def status(self) -> Mapping[str, Any]:
        return {} if self._config is None else self._plugin.status()

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        return {} if self._config is None else self._plugin.counters()

    def unreachable(self) -> Sequence[Unreachable]:
        return () if self._config is None else self._plugin.unreachable()

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
            verdict = judge(
                self.plugin_class.validate_config, self._settings, conduct=self._conduct
            )
        self._judged = (self._settings, verdict)
        return verdict

    def _given(self) -> list[Cluster]:
        """The plugin's own list of clusters, without those that it would take for empty."""
        given = list(self._holdings.clusters)
        if not self.plugin_class.handles_unknown:
            unknown = self._holdings.unknown
            given = [cluster for cluster in given if cluster.name not in unknown]
        return given if self.plugin_class.compares_clusters else [*map(fresh, given)]

    def _waits(self) -> str:
        """Why the plugin cannot be given the clusters yet, empty if it can."""
        if self.plugin_class.handles_unknown:
            return ""
        return awaited(self._holdings.clusters, self._holdings.unknown, self._unserved)

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
        validate = self.plugin_class.validate_cluster_config
        return decode_cluster(part, before, validate, self._conduct)

    def _admit(self, method: str, returned: object) -> Outcome | None:
        """What a method returned, if that is an outcome; else it is taken for nothing."""
        if returned is None or isinstance(returned, Outcome):
            self._conduct.keeps(method)
            return returned
        taken = "it is taken as applied" if method == "sync_file" else "it is taken as nothing"
        told = f"{method} returned {shown(returned)}, which is no Outcome: {taken}"
        remedy = "return nothing, or a lighthouse.balancer.Outcome"
        self._conduct.breaks(method, told, remedy, self._place(method), warning=True)
        return None

    def _said(self, where: str, outcome: Outcome) -> WorkReport:
        """The plugin's outcome and findings, or what is wrong with them."""
        if outcome.kind not in _KINDS:
            told = f"{where} returned Outcome({shown(outcome.kind)}), expected one of {_LEGAL}"
            return self._wrong(told, where)
        if isinstance(outcome.reason, str):
            self._conduct.keeps(f"reason of {where}")
        else:
            told = f"{where} returned an Outcome with the reason {shown(outcome.reason)}"
            remedy = "give the reason as a text"
            topic = f"reason of {where}"
            self._conduct.breaks(topic, told, remedy, self._place(where), warning=True)
        if outcome.findings or self._findings:
            try:
                findings = admit_findings(outcome.findings, self._has_section)
            except TypeError as error:
                return self._wrong(f"{where}: {error}", where)
            self._findings = tuple([(f, self._content(f.cluster)) for f in findings])
        try:
            self._withheld = admit_withheld(call("withheld", self._plugin.withheld))
        except PluginError as failure:
            return self._raised(failure)
        except TypeError as error:
            return self._wrong(f"withheld: {error}", "withheld")
        return self._report(outcome)

    def _place(self, method: str) -> str:
        return place.of_function(getattr(self.plugin_class, method))

    def _wrong(self, told: str, method: str) -> WorkReport:
        return self._report(Outcome("failed", hosted.located(told, self._place(method))))

    def _raised(self, failure: PluginError) -> WorkReport:
        return self._report(Outcome("failed", failure.located), failure.traceback)

    def _report(self, outcome: Outcome, traceback: str = "") -> WorkReport:
        """Where the plugin said nothing, its last findings hold for what has not changed."""
        rejections = self._rejected()
        reason = one_line(str(outcome.reason), 2 * REASON)
        own = self._judged[1].traceback if self._judged is not None else ""
        traceback = traceback or own or self._holdings.traceback
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
