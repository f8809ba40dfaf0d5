"""The HAProxy balancer: the contract on one side, a ``Reconciler`` per settings on the other."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Claim, Finding, Outcome, Preview, Unreachable, Withheld
from lighthouse.cluster import Cluster
from lighthouse.haproxy.preview import examine, preview
from lighthouse.haproxy.reconcile import Reconciler
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.schema.balancer import HAProxySettings, parse_settings
from lighthouse.haproxy.schema.claims import claims
from lighthouse.haproxy.schema.cluster import ClusterSection, parse_section
from lighthouse.software.binary import Missing


class HAProxy(Balancer):
    """Keeps an HAProxy of its own serving the clusters that have an ``haproxy:`` section."""

    settings_type: ClassVar = HAProxySettings
    section_type: ClassVar = ClusterSection
    handles_unknown: ClassVar[bool] = True
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings: HAProxySettings | None = None
        self._predecessor: int | None = None
        self._reconciler: Reconciler | None = None
        self._last: Outcome | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def validate_cluster_config(cls, config: Mapping[str, Any]) -> None:
        parse_section(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        return claims(parse_settings(config))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings = parse_settings(config)
        former, self._settings = self._settings, settings
        if former is None or former == settings:
            return
        self.close()
        if former.place != settings.place:
            self._predecessor = process.running(former) or self._predecessor

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._last = self._sync(clusters)
        return self._last

    def preview(self, clusters: list[Cluster]) -> Preview:
        return preview(self._settings, clusters) if self._settings else Preview()

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        return examine(self._settings, clusters) if self._settings else ()

    def _sync(self, clusters: Sequence[Cluster]) -> Outcome:
        if self._settings is None:
            return Outcome("failed", "there is no config yet")
        if self._reconciler is None:
            try:
                self._reconciler = Reconciler(
                    self._settings, self._predecessor, self.still_working
                )
            except Missing as error:
                return Outcome("failed", str(error))
            self._predecessor = None
        return self._reconciler.sync(clusters)

    def fileno(self) -> int | None:
        instance = self._reconciler.control.instance if self._reconciler else None
        return instance.runtime.fileno() if instance else None

    def wake_after(self) -> float | None:
        return self._reconciler.after() if self._reconciler else None

    def wake(self) -> Outcome | None:
        if self._reconciler is None or self._last is None:
            return None
        outcome = self._reconciler.wake()
        if outcome.repeats(self._last):
            return None
        self._last = outcome
        return outcome

    def status(self) -> Mapping[str, Any]:
        return self._reconciler.status() if self._reconciler else {}

    def counters(self) -> Mapping[str, Mapping[str, int]]:
        return self._reconciler.traffic.sums if self._reconciler else {}

    def unreachable(self) -> Sequence[Unreachable]:
        return self._reconciler.drift.unreachable if self._reconciler else ()

    def withheld(self) -> Sequence[Withheld]:
        return self._reconciler.wanted.withheld if self._reconciler else ()

    def close(self) -> None:
        if self._reconciler is not None:
            self._reconciler.close()
            self._reconciler = None


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    """Balancers' entry point ``haproxy``."""
    return HAProxy
