"""The pgbouncer balancer: databases follow the primary, and clients wait instead of failing."""

import contextlib
import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Claim, Finding, Outcome, Preview
from lighthouse.cluster import Cluster
from lighthouse.files import Mark, difference
from lighthouse.pgbouncer import advice
from lighthouse.pgbouncer.console import AdminConsole, Declined
from lighthouse.pgbouncer.holder import Holder
from lighthouse.pgbouncer.include import render
from lighthouse.pgbouncer.loading import DatabasesFile, FileInstall, Lines
from lighthouse.pgbouncer.note import Note
from lighthouse.pgbouncer.plan import RoutingPlan, followed, plan
from lighthouse.pgbouncer.settings import (
    DatabasesSection,
    PgBouncerSettings,
    parse_section,
    parse_settings,
)
from lighthouse.pgbouncer.timelines import TimelineMemory
from lighthouse.software.interval import MinInterval

_LOOK: Final = 1.0
"""Seconds between two looks at what somebody else may have written into the file."""

_COMPARE: Final = 5.0
"""Seconds between two looks at what PgBouncer has loaded."""

_ASK: Final = 60.0
"""Seconds for which PgBouncer's own settings are believed."""

log = logging.getLogger(__name__)


class PgBouncer(Balancer):
    """Owns one file that PgBouncer includes. PgBouncer's own configuration is never written."""

    settings_type: ClassVar = PgBouncerSettings
    section_type: ClassVar = DatabasesSection
    handles_unknown: ClassVar[bool] = True
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._clusters: list[Cluster] | None = None
        self._console: AdminConsole | None = None
        self._asked = self._compared = -math.inf
        self._take(PgBouncerSettings())

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def validate_cluster_config(cls, config: Mapping[str, Any]) -> None:
        parse_section(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        return (Claim(("include_file",), "file", parse_settings(config).include_file),)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        """Whoever is held goes on: another PgBouncer or file may be meant from now on."""
        settings = parse_settings(config)
        try:
            self._holder.release()
        except (OSError, Declined) as error:
            log.warning("clients that are held could not be let go: %s", error)
        self._take(settings)

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._clusters = _served(clusters)
        return self._sync()

    def wake_after(self) -> float | None:
        if self._clusters is None:
            return None
        return min(self._interval.after(_LOOK), self._holder.after())

    def wake(self) -> Outcome | None:
        """Probes and holds, does what had to wait, and puts right what somebody else changed."""
        if self._clusters is None:
            return None
        with contextlib.suppress(OSError, Declined):
            self._holder.look()
        now = time.monotonic()
        if self._interval.due() or self._mark != self._file.mark():
            return self._sync()
        if now - self._compared < _COMPARE:
            return None
        self._compared = now
        return self._sync()

    def preview(self, clusters: list[Cluster]) -> Preview:
        served = _served(clusters)
        present = self._file.present()
        wanted = plan(served, present, self._timelines.with_those_of(served))
        diff = difference(self._file.target, render(wanted.lines.values()))
        pending = diff or self._file.target.unproven.exists()
        told = [Finding((), text, warning=True) for text in wanted.told]
        reload = "RELOAD on the admin console" if pending else ""
        return Preview(diff, (), reload, (*wanted.findings, *told))

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        wanted = plan(clusters, {}, {})
        try:
            return (*wanted.findings, *advice.warnings(self._console_now.config(), self._settings))
        except (OSError, Declined) as error:
            return (*wanted.findings, Finding(("admin",), str(error), warning=True))
        finally:
            self._console_now.close()

    def status(self) -> Mapping[str, Any]:
        held = [name for names in self._holder.held.values() for name in names]
        found: dict[str, Any] = {
            "databases": len(self._lines),
            "held": ", ".join(sorted(held)),
            "reloads": self._file.reloads,
            "version": self._version,
        }
        led = {name: f"{_few(line.hosts)} port {line.port}" for name, line in self._lines.items()}
        return {**found, "leads_to": led}

    def close(self) -> None:
        """Whoever is held goes on, and what was known of timelines is forgotten."""
        try:
            self._holder.release()
        finally:
            self._timelines.forget()
            self._console_now.close()

    @property
    def _console_now(self) -> AdminConsole:
        assert self._console is not None
        return self._console

    def _take(self, settings: PgBouncerSettings) -> None:
        if self._console is not None:
            self._console.close()
        self._settings = settings
        self._console = AdminConsole(settings)
        self._file = DatabasesFile(settings.include_file, self._console, self.still_working)
        self._holder = Holder(settings.hold, self._console, Note(settings.include_file, "hold"))
        self._timelines = TimelineMemory(Note(settings.include_file, "timelines"))
        self._interval = MinInterval(settings.min_interval)
        self._clusters = None
        self._mark: Mark = ()
        self._lines: Lines = {}
        self._version = ""
        self._warnings: tuple[Finding, ...] = ()
        self._asked = self._compared = -math.inf

    def _sync(self) -> Outcome:
        clusters = self._clusters or []
        self._interval.waiting = False
        if not clusters and self._file.mark():
            self._mark = self._file.mark()
            told = self._settled((), plan((), {}, {}))
            stays = "no cluster has a section for this balancer: the file stays"
            return Outcome("held", "; ".join((stays, *told)))
        try:
            present = self._file.present()
            wanted = plan(clusters, present, self._timelines.take(clusters))
            self._advised()
            lines = self._file.takeable(wanted.lines, present)
            if self._file.pending(lines) and (left := self._interval.left()):
                self._interval.waiting = True
                self._settled(clusters, wanted)
                return Outcome("held", f"min_interval: PgBouncer is told in {left:.1f} s")
            return self._ended(clusters, wanted, self._loaded(wanted.lines, lines, present))
        except (OSError, Declined) as error:
            self._holder.distrust()
            with contextlib.suppress(OSError, Declined):  # whoever waits is not to wait for a file
                self._holder.recover()
            return Outcome("failed", f"no file is touched: {error}")

    def _loaded(self, wanted: Lines, lines: Lines, present: Lines) -> FileInstall:
        """What came of it; a file that is as it should be is compared to what is loaded."""
        pending = self._file.pending(lines)
        found = self._file.install(wanted, present)
        self._compared = time.monotonic()
        self._mark = self._file.mark()
        if pending and found.outcome.kind != "failed":
            self._interval.done()
        if found.outcome.kind != "unchanged":
            return found
        try:
            mended = self._file.loaded_again()
        except (OSError, RuntimeError) as error:
            return FileInstall(Outcome("failed", str(error)), found.lines, found.refused)
        return FileInstall(Outcome("applied"), found.lines, found.refused) if mended else found

    def _ended(
        self, clusters: Sequence[Cluster], wanted: RoutingPlan, loaded: FileInstall
    ) -> Outcome:
        """Those who are held go on if they can, and all is told that is not as it should be."""
        failed = loaded.outcome.kind == "failed"
        self._lines = self._lines if failed else loaded.lines
        held = self._settled(clusters, wanted)
        refused = _refusals(wanted, loaded.refused)
        findings = (*wanted.findings, *refused, *self._warnings)
        if failed:
            return Outcome("failed", loaded.outcome.reason, findings)
        told = [*held, *wanted.told, *(one.message for one in (*wanted.findings, *refused))]
        if told:
            return Outcome("degraded", "; ".join(told[:3]), findings)
        return Outcome(loaded.outcome.kind, loaded.outcome.reason, findings)

    def _settled(self, clusters: Sequence[Cluster], wanted: RoutingPlan) -> list[str]:
        """Tell the holder where PgBouncer leads to; returns what it could not do."""
        primaries = [one for each in clusters for one in followed(each, wanted, self._lines)]
        try:
            self._holder.recover()
            self._holder.watch(primaries)
        except (OSError, Declined) as error:
            return [f"clients that are held could not be let go: {error}"]
        return []

    def _advised(self) -> None:
        """Ask PgBouncer now and then what it is; if it does not answer, that is told elsewhere."""
        now = time.monotonic()
        if now - self._asked < _ASK:
            return
        with contextlib.suppress(OSError, Declined):
            version = self._console_now.version()
            if version != self._version:
                self._file.forget_refusals()
            self._version = version
            self._warnings = advice.warnings(self._console_now.config(), self._settings)
            self._asked = now


def _served(clusters: Sequence[Cluster]) -> list[Cluster]:
    """Those whose own file says so, by a section for this balancer."""
    return [cluster for cluster in clusters if cluster.config is not None]


def _refusals(wanted: RoutingPlan, refused: Mapping[str, str]) -> list[Finding]:
    """What PgBouncer does not take, at the place in the cluster's section."""
    return [
        Finding(("databases", name, "options"), refused[name], cluster=cluster)
        for cluster, databases in wanted.owners.items()
        for name in databases
        if name in refused
    ]


def _few(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more" if len(hosts) > 3 else "")


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    return PgBouncer
