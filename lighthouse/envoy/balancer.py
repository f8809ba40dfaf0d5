"""The Envoy balancer: the contract on one side, an ``EnvoyReconciler`` on the other."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Claim, Finding, Outcome, Preview, Unreachable, Withheld
from lighthouse.cluster import Cluster
from lighthouse.envoy.preview import examine, preview
from lighthouse.envoy.reconcile import EnvoyReconciler
from lighthouse.envoy.schema.section import EnvoySection, parse_section
from lighthouse.envoy.schema.settings import EnvoySettings, parse_settings
from lighthouse.software.binary import Missing


class Envoy(Balancer):
    """Keeps an Envoy of its own serving the clusters that have an ``envoy:`` section."""

    settings_type: ClassVar = EnvoySettings
    section_type: ClassVar = EnvoySection
    handles_unknown: ClassVar[bool] = True
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings: EnvoySettings | None = None
        self._reconciler: EnvoyReconciler | None = None
        self._last: Outcome | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def validate_cluster_config(cls, config: Mapping[str, Any]) -> None:
        parse_section(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        return (Claim(("directory",), "directory", parse_settings(config).directory),)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings = parse_settings(config)
        if settings != self._settings:
            self.close()
            self._settings = settings

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._last = self._sync(clusters)
        return self._last

    def wake(self) -> Outcome | None:
        if self._reconciler is None or self._last is None:
            return None
        outcome = self._reconciler.wake()
        if outcome.repeats(self._last):
            return None
        self._last = outcome
        return outcome

    def fileno(self) -> int | None:
        return self._reconciler.control.fileno() if self._reconciler else None

    def wake_after(self) -> float | None:
        return self._reconciler.after() if self._reconciler else None

    def preview(self, clusters: list[Cluster]) -> Preview:
        return preview(self._settings, clusters) if self._settings else Preview()

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        return examine(self._settings, clusters) if self._settings else ()

    def status(self) -> Mapping[str, Any]:
        return self._reconciler.status() if self._reconciler else {}

    def unreachable(self) -> Sequence[Unreachable]:
        return self._reconciler.health.unreachable if self._reconciler else ()

    def withheld(self) -> Sequence[Withheld]:
        return self._reconciler.wanted.withheld if self._reconciler else ()

    def close(self) -> None:
        if self._reconciler is not None:
            self._reconciler.close()
            self._reconciler = None

    def _sync(self, clusters: Sequence[Cluster]) -> Outcome:
        if self._settings is None:
            return Outcome("failed", "there is no config yet")
        if self._reconciler is None:
            try:
                self._reconciler = EnvoyReconciler(self._settings, self.still_working)
            except Missing as error:
                return Outcome("failed", str(error))
        return self._reconciler.sync(clusters)


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    """Balancers' entry point ``envoy``."""
    return Envoy
