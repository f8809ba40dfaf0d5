"""The template balancer: renders files, has them checked, and has their software reload."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Claim, Finding, Outcome, Preview
from lighthouse.cluster import Cluster
from lighthouse.files import (
    FileGroup,
    FileTarget,
    Mark,
    Refused,
    difference,
)
from lighthouse.schema import Problem, require
from lighthouse.software import reload as reloading
from lighthouse.software.installation import install
from lighthouse.software.interval import MinInterval
from lighthouse.software.scratch import scratch
from lighthouse.template.facts import FactsStore
from lighthouse.template.output import OutputFile, RenderedFile
from lighthouse.template.settings import TemplatedFile, TemplateSettings, parse_settings

_PASSABLE: Final = 0o711
"""Of a directory whose files a validator may read as another user."""

_LOOK: Final = 1.0
"""Seconds between two looks at the templates, and at what somebody else may have written."""


class Template(Balancer):
    """Keeps the files of one piece of software; they are replaced together or not at all."""

    settings_type: ClassVar = TemplateSettings
    compares_clusters: ClassVar[bool] = True

    def __init__(self) -> None:
        self._settings = TemplateSettings(())
        self._outputs: list[OutputFile] = []
        self._targets: list[FileTarget] = []
        self._group = FileGroup(self._reload)
        self._interval = MinInterval(0)
        self._facts = FactsStore()
        self._clusters: list[Cluster] | None = None
        self._marks: list[Mark] = []
        self._reloads = 0
        self._kept: dict[str, str] = {}

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        settings = parse_settings(config)
        outputs = [OutputFile(index, file, {}) for index, file in enumerate(settings.files)]
        found = [output.examine() for output in outputs if output.file.template is not None]
        require(Problem(fault.path, fault.message) for fault in found if fault is not None)

    @classmethod
    def claims(cls, config: Mapping[str, Any]) -> Sequence[Claim]:
        files = enumerate(parse_settings(config).files)
        return [Claim(("files", index, "path"), "file", file.path) for index, file in files]

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings = parse_settings(config)
        self._settings = settings
        self._outputs = [
            OutputFile(index, file, settings.vars) for index, file in enumerate(settings.files)
        ]
        self._targets = [self._target(file) for file in settings.files]
        self._interval = MinInterval(settings.min_interval)
        self._clusters = None

    def sync_file(self, clusters: list[Cluster]) -> Outcome:
        self._clusters = _served(clusters)
        return self._sync()

    def wake_after(self) -> float | None:
        return None if self._clusters is None else self._interval.after(_LOOK)

    def wake(self) -> Outcome | None:
        """Looks whether a template or a file was changed, and does what had to wait."""
        if self._clusters is None:
            return None
        changed = [output.look() for output in self._outputs]
        edited = self._marks != [target.mark() for target in self._targets]
        if not any(changed) and not edited and not self._interval.due():
            return None
        return self._sync()

    def preview(self, clusters: list[Cluster]) -> Preview:
        files = self._render(_served(clusters))
        findings = [file.fault for file in files if file.fault is not None]
        if any(file.fault and file.content is None for file in files):
            return Preview(findings=tuple(findings))
        diffs = []
        for index, (target, file) in enumerate(zip(self._targets, files, strict=True)):
            if file.content is not None and not target.has(file.content):
                diffs.append(difference(target, file.content))
                findings += self._tried(index, file.content)
        pending = diffs or any(target.unproven.exists() for target in self._targets)
        way = self._settings.reload
        told = reloading.shown(way) if way is not None and pending else ""
        return Preview("".join(diffs), (), told, tuple(findings))

    def examine(self, clusters: list[Cluster]) -> Sequence[Finding]:
        found = [fault for output in self._outputs if (fault := output.examine()) is not None]
        return (*found, *self._lacking())

    def status(self) -> Mapping[str, Any]:
        clusters = self._clusters or []
        nodes = sum(len(cluster.nodes) for cluster in clusters)
        counts = {"clusters": len(clusters), "nodes": nodes, "reloads": self._reloads}
        kept = {"kept": self._kept} if self._kept else {}
        return {**counts, **kept, "files": [str(target.path) for target in self._targets]}

    def _target(self, file: TemplatedFile) -> FileTarget:
        def validate(candidate: Path) -> None:
            self.still_working(f"the check of {file.path}")
            if file.validate:
                reloading.validate(file.validate, str(candidate), self._settings.timeout)

        return FileTarget(file.path, validate, access=file.access)

    def _render(self, clusters: Sequence[Cluster]) -> list[RenderedFile]:
        facts = self._facts.of(clusters)
        found = []
        for output in self._outputs:
            self.still_working(f"rendering {output.file.path}")
            found.append(output.render(facts))
        return found

    def _sync(self) -> Outcome:
        self._interval.waiting = False
        files = self._render(self._clusters or [])
        pairs = [*zip(self._targets, files, strict=True)]
        self._kept = {str(t.path): why for t, file in pairs if (why := file.kept or file.held)}
        findings = tuple([file.fault for file in files if file.fault is not None])
        broken = [file.fault for file in files if file.fault and file.content is None]
        if broken:
            return Outcome("failed", f"no file is touched: {broken[0].message}", findings)
        wanted = [(target, file.content) for target, file in pairs if file.content is not None]
        outcome = self._install(wanted)
        self._marks = [target.mark() for target in self._targets]
        return _summary(outcome, files, findings)

    def _install(self, wanted: Sequence[tuple[FileTarget, bytes]]) -> Outcome:
        if not self._group.pending(wanted):
            return install(self._group, wanted)
        if left := self._interval.left():
            self._interval.waiting = True
            return Outcome("held", f"min_interval: what changed is written in {left:.1f} s")
        outcome = install(self._group, wanted)
        self._interval.done()
        self._interval.waiting = outcome.kind == "degraded"
        return outcome

    def _reload(self) -> None:
        if self._settings.reload is None:
            return
        self.still_working(f"the reload: {reloading.shown(self._settings.reload)}")
        reloading.perform(self._settings.reload, self._settings.timeout)
        self._reloads += 1

    def _tried(self, index: int, content: bytes) -> Iterator[Finding]:
        """What the software says of a content, which is written nowhere near the file."""
        file = self._settings.files[index]
        if not file.validate:
            return
        with scratch() as place:
            os.chmod(place, _PASSABLE)
            candidate = place / Path(file.path).name
            access = self._targets[index].access_now
            FileTarget(candidate, access=access).write(content)
            try:
                reloading.validate(file.validate, str(candidate), self._settings.timeout)
            except Refused as error:
                yield Finding(("files", index, "validate"), str(error))

    def _lacking(self) -> Iterator[Finding]:
        """What a sync would miss on this host."""
        for index, file in enumerate(self._settings.files):
            directory = Path(file.path).parent
            if not directory.is_dir():
                yield Finding(("files", index, "path"), f"there is no directory {directory}")
            if file.validate and shutil.which(file.validate[0]) is None:
                told = f"there is no program {file.validate[0]}"
                yield Finding(("files", index, "validate"), told, warning=True)
        way = self._settings.reload
        if isinstance(way, tuple) and shutil.which(way[0]) is None:
            yield Finding(("reload",), f"there is no program {way[0]}", warning=True)


def _served(clusters: Sequence[Cluster]) -> list[Cluster]:
    """Those whose own file says so, by a section for this balancer."""
    return [cluster for cluster in clusters if cluster.config is not None]


def _summary(
    outcome: Outcome, files: Sequence[RenderedFile], findings: tuple[Finding, ...]
) -> Outcome:
    """The outcome of the files that were to be written, with what is to be said of the others."""
    if outcome.kind not in ("unchanged", "applied"):
        return Outcome(outcome.kind, outcome.reason, findings)
    if findings:
        return Outcome("degraded", findings[0].message, findings)
    left_out = [reason for file in files for reason in file.left_out]
    if left_out:
        return Outcome("degraded", f"nodes are left out: {left_out[0]}")
    held = [file.held for file in files if file.held]
    if held:
        return Outcome("held", f"a file stays as it is: {held[0]}")
    return outcome


@hookimpl
def lighthouse_balancer() -> type[Balancer]:
    return Template
