"""The nginx balancer: keeps upstreams in files that nginx includes, and reloads it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.balancer import UNCHANGED, Balancer, Claim, Finding, Outcome, Preview
from lighthouse.cluster import Cluster
from lighthouse.files import (
    FileGroup,
    FileTarget,
    Mark,
    difference,
)
from lighthouse.nginx.build import Absent
from lighthouse.nginx.choice import Chosen, OwnFiles, choose
from lighthouse.nginx.config_test import Complaint, ConfigTest
from lighthouse.nginx.main_config import Contents
from lighthouse.nginx.master import Master, Workers
from lighthouse.nginx.sections import Sections
from lighthouse.nginx.settings import (
    NginxSettings,
    UpstreamSection,
    files_of,
    parse_section,
    parse_settings,
)
from lighthouse.nginx.site import NginxSite, SiteFinder
from lighthouse.nginx.upstream import UpstreamBlock
from lighthouse.software.installation import install
from lighthouse.software.interval import MinInterval
from lighthouse.software.running import NoProcess

_LOOK: Final = 1.0
_GENERATIONS: Final = 4
_FEW: Final = 16
"""Workers that may always be left over, however few serve."""


class Nginx(Balancer):
    """Upstreams by include. The configuration of nginx itself is never written."""

    settings_type: ClassVar = NginxSettings
    section_type: ClassVar = UpstreamSection
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings = NginxSettings()
        self._finder = SiteFinder(self._settings)
        self._interval = MinInterval(0)
        self._clusters: list[Cluster] | None = None
        self._marks: dict[str, Mark] = {}
        self._untold = False
        self._site: NginxSite | None = None
        self._master: Master | None = None
        self._reloads = 0
        self._sections = Sections(self._settings)

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        parse_settings(config)

    @classmethod
    def validate_cluster_config(cls, config: Mapping[str, Any]) -> None:
        parse_section(config)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        return files_of(parse_settings(config))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = parse_settings(config)
        self._finder = SiteFinder(self._settings)
        self._sections = Sections(self._settings)
        self._interval = MinInterval(self._settings.min_interval)
        self._clusters, self._untold = None, False

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._clusters = [cluster for cluster in clusters if cluster.config is not None]
        return self._sync()

    def wake_after(self) -> float | None:
        return None if self._clusters is None else self._interval.after(_LOOK)

    def wake(self) -> Outcome | None:
        """Does what had to wait, and puts right what somebody else wrote into our files."""
        if self._clusters is None:
            return None
        edited = any(FileTarget(path).mark() != mark for path, mark in self._marks.items())
        due = self._interval.due()
        if self._untold and self._master is not None and self._workers(self._master) is None:
            due = False
        return self._sync() if edited or due else None

    def preview(self, clusters: list[Cluster]) -> Preview:
        served = [cluster for cluster in clusters if cluster.config is not None]
        site = self._finder.find()
        chosen = self._choose(site, served)
        findings = (*chosen.findings, *_refusals(chosen))
        if chosen.refused:
            return Preview(findings=findings)
        wanted = self._wanted(chosen.contents)
        diffs = [difference(target, content) for target, content in wanted]
        pending = self._group(site).pending(wanted)
        reload = "the upstreams in its files change" if pending else ""
        return Preview("".join(diffs), (), reload, findings)

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        try:
            site = self._finder.find()
            chosen = self._choose(site, clusters)
            told = [*site.warnings, *site.advice()]
        except (Absent, OSError) as error:
            return [Finding((), str(error), warning=True)]
        warnings = [Finding((), one, warning=True) for one in told]
        return (*chosen.findings, *_refusals(chosen), *warnings)

    def status(self) -> Mapping[str, Any]:
        clusters = self._clusters or []
        found: dict[str, Any] = {
            "upstreams": len(clusters),
            "nodes": sum(len(cluster.nodes) for cluster in clusters),
            "reloads": self._reloads,
        }
        if self._site is not None and self._master is not None:
            workers = self._workers(self._master) or Workers()
            found["version"] = str(self._site.build)
            found["workers"] = len(workers.serving)
            found["old_workers"] = len(workers.leaving)
            found["last_reload_ms"] = round(self._master.took * 1000)
        return found

    def _sync(self) -> Outcome:
        self._interval.waiting = self._untold = False
        clusters = self._clusters or []
        try:
            site = self._site = self._finder.find()
            self._master = Master(site.pid_file, site.error_log)
            own, upstreams, lacking = self._own(site, clusters)
            group = self._group(site)
            if not group.pending(self._wanted(own.contents({}))):
                return self._ended(UNCHANGED, site, Chosen(own.contents({}), lacking))
            chosen = self._chosen(site, own, upstreams, lacking)
            if chosen.refused:
                return Outcome("failed", f"no file is touched: {chosen.refused}", chosen.findings)
            pending = group.pending(self._wanted(chosen.contents))
            if pending and (waits := self._waits(self._master)):
                self._interval.waiting = True
                return Outcome("held", waits, chosen.findings)
            return self._ended(self._install(group, chosen.contents), site, chosen)
        except (Absent, OSError) as error:
            return Outcome("failed", f"no file is touched: {error}")

    def _own(
        self, site: NginxSite, clusters: Sequence[Cluster]
    ) -> tuple[OwnFiles, list[UpstreamBlock], tuple[Finding, ...]]:
        """Our files, the upstreams for them, and what keeps a cluster from having one."""
        blocks, lacking = self._sections.blocks(site.build, clusters)
        patterns = filter(None, (self._settings.http_file, self._settings.stream_file))
        return OwnFiles(tuple(patterns), blocks, self._sections.still(clusters)), blocks, lacking

    def _choose(self, site: NginxSite, clusters: Sequence[Cluster]) -> Chosen:
        return self._chosen(site, *self._own(site, clusters))

    def _chosen(
        self,
        site: NginxSite,
        own: OwnFiles,
        upstreams: Sequence[UpstreamBlock],
        lacking: tuple[Finding, ...],
    ) -> Chosen:
        trial = ConfigTest(site.build, site.config_file, site.prefix, self._settings.timeout)

        def judge(contents: Contents) -> Complaint | None:
            self.still_working("nginx -t on a candidate")
            complaint = trial.run(contents)
            return None if complaint is not None and complaint.denied else complaint

        clusters = self._clusters or []
        former = self._sections.former(site.build, clusters, own.former)
        chosen = choose(own, upstreams, judge, former)
        unread = [_unread(site, path) for path in sorted(trial.missed) if own.wanted[path]]
        return Chosen(
            chosen.contents,
            (*lacking, *chosen.findings, *unread),
            chosen.kept,
            unread[0].message if chosen.refused and unread else chosen.refused,
        )

    def _group(self, site: NginxSite) -> FileGroup:
        master = self._master or Master(site.pid_file, site.error_log)

        def reload() -> None:
            self.still_working("a reload of nginx")
            master.reload(self._settings.timeout)
            self._reloads += 1

        def go_on() -> None:
            self.still_working("nginx going on with the former files")
            master.go_on(self._settings.timeout)

        return FileGroup(reload, go_on)

    def _wanted(self, contents: Contents) -> list[tuple[FileTarget, bytes | None]]:
        """Our files with what they are to have; each that is written is a sign of life."""

        def written(candidate: Path) -> None:
            self.still_working(f"writing {candidate}")

        return [(FileTarget(path, written), content) for path, content in contents.items()]

    def _waits(self, master: Master) -> str:
        """Why nginx is not to be reloaded now, empty if it may be."""
        if left := self._interval.left():
            return f"min_interval: nginx is reloaded in {left:.1f} s"
        workers = self._workers(master)
        if workers is None:
            return ""
        most = self._settings.max_old_workers or max(_FEW, _GENERATIONS * len(workers.serving))
        if len(workers.leaving) < most:
            return ""
        return (
            f"{len(workers.leaving)} old workers of nginx still have connections, and no more "
            "are to be left over (max_old_workers); worker_shutdown_timeout in its configuration "
            "bounds how long they last"
        )

    def _workers(self, master: Master) -> Workers | None:
        try:
            return master.workers()
        except NoProcess:
            return None

    def _install(self, group: FileGroup, contents: Contents) -> Outcome:
        wanted = self._wanted(contents)
        if not group.pending(wanted):
            return UNCHANGED
        outcome = install(group, wanted)
        self._interval.waiting = self._untold = outcome.kind == "degraded"
        if not self._untold:
            self._interval.done()
        return outcome

    def _ended(self, outcome: Outcome, site: NginxSite, chosen: Chosen) -> Outcome:
        """The outcome with what is to be said besides; what was taken is remembered."""
        named = {finding.cluster for finding in chosen.findings}
        if outcome.kind != "failed":
            self._sections.take([one for one in self._clusters or [] if one.name not in named])
        self._marks = {path: FileTarget(path).mark() for path in chosen.contents}
        warnings = [Finding((), told, warning=True) for told in site.warnings]
        findings = (*chosen.findings, *warnings)
        if outcome.kind in ("unchanged", "applied"):
            told = [f.message for f in chosen.findings if not f.warning] or [*chosen.kept]
            if told:
                return Outcome("degraded", told[0], findings)
        return Outcome(outcome.kind, outcome.reason, findings)


def _unread(site: NginxSite, path: str) -> Finding:
    told = f"{site.config_file} includes no {path}: add `include {path};` where it belongs"
    return Finding((), told)


def _refusals(chosen: Chosen) -> list[Finding]:
    told = {finding.message for finding in chosen.findings}
    return [Finding((), chosen.refused)] if chosen.refused and chosen.refused not in told else []


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    return Nginx
