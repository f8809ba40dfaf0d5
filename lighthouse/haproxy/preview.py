"""What a sync would do, and what HAProxy thinks of it, found out without doing any of it."""

import difflib
from collections.abc import Sequence

import msgspec

from lighthouse.balancer import Finding, Preview
from lighthouse.cluster import Cluster
from lighthouse.files import FileTarget
from lighthouse.haproxy.rendering import binds, readback
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk
from lighthouse.haproxy.rendering.live import Lives
from lighthouse.haproxy.rendering.render import Skeleton, file_of
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.runtime.process import find_binary
from lighthouse.haproxy.schema.balancer import HAProxySettings
from lighthouse.haproxy.schema.directories import lacking
from lighthouse.haproxy.sync import candidate
from lighthouse.haproxy.sync.diff import climb
from lighthouse.haproxy.sync.running import Running, recalled
from lighthouse.haproxy.sync.target import Target
from lighthouse.haproxy.sync.trial import Trial
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.software.binary import Missing


def examine(settings: HAProxySettings, clusters: Sequence[Cluster]) -> tuple[Finding, ...]:
    """What HAProxy refuses and warns of, with the places in the YAML, and what a sync lacks."""
    return (*lacking(settings), *_said(settings, clusters))


def _said(settings: HAProxySettings, clusters: Sequence[Cluster]) -> tuple[Finding, ...]:
    wanted = WantedClusters(settings)
    wanted.take(clusters)
    try:
        target = _asked(settings, wanted)
        target.choose(Running(), {}, None)
    except Missing as error:
        return (Finding((), str(error), warning=True),)
    except candidate.CandidateRefused as error:
        return error.findings
    return (*target.findings, *target.warnings)


def preview(settings: HAProxySettings, clusters: Sequence[Cluster]) -> Preview:
    """The change of the file, the commands, why a reload or a start, and what is refused.

    HAProxy is only asked questions. Raises ``Missing`` or ``OSError``.
    """
    found = _foreseen(settings, clusters)
    return msgspec.structs.replace(found, findings=(*lacking(settings), *found.findings))


def _foreseen(settings: HAProxySettings, clusters: Sequence[Cluster]) -> Preview:
    wanted = WantedClusters(settings)
    wanted.take(clusters)
    target = _asked(settings, wanted)
    before = (FileTarget(settings.config_file).read() or b"").decode("utf-8", "replace")
    try:
        instance = Instance.attach(settings.socket_file)
    except OSError:
        frame, chunks, findings = _chosen(target, wanted, Running(), readback.lives(before))
        diff = _diff(before, file_of(chunks).decode(), settings)
        return Preview(diff, (), "HAProxy does not run; it is started", findings)
    try:
        running = recalled(Running(), (before,), instance.generation)
        if instance.generation == running.generation:
            instance.claim(running.stanzas)
        held = binds.held_by(instance.pid)
        frame, chunks, findings = _chosen(target, wanted, running, instance.members, held)
        ways = [
            climb(stanza, wanted.servers(stanza, instance.live), instance.live[stanza.cluster])
            for stanza in frame.stanzas
            if stanza.cluster in instance.live
        ]
        steps = [step for way in ways for step in (*way.gain, *way.lose)]
        reasons = [way.reload for way in ways if way.reload]
        if frame.generation != instance.generation:
            reasons.insert(0, running.difference(frame, instance.generation).words)
        return Preview(
            _diff(before, file_of(chunks).decode(), settings),
            tuple(" ".join(command) for step in steps for command in step.commands),
            "; ".join(reasons),
            findings,
        )
    finally:
        instance.close()


def _asked(settings: HAProxySettings, wanted: WantedClusters) -> Target:
    """What should run, of which HAProxy is only asked. Raises ``Missing``."""
    return Target(
        settings, wanted, Trial(settings, find_binary(settings.haproxy_bin), offline=True)
    )


def _chosen(
    target: Target,
    wanted: WantedClusters,
    running: Running,
    live: Lives,
    held: frozenset[Spot] | None = None,
) -> tuple[Skeleton, tuple[Chunk, ...], tuple[Finding, ...]]:
    """What would be loaded, and what is wrong; nothing new, if HAProxy refuses everything."""
    peers = wanted.peers()
    peers = running.peers if peers <= running.peers else peers
    try:
        found = target.choose(running, live, held, peers)
    except candidate.CandidateRefused as error:
        frame = target.frame(running, peers)
        return frame, wanted.fill(frame, live), error.findings
    findings = (*target.findings, *target.warnings, *wanted.loops)
    return found.skeleton, found.chunks, findings


def _diff(before: str, after: str, settings: HAProxySettings) -> str:
    rows = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        settings.config_file,
        f"{settings.config_file} (new)",
    )
    return "".join(rows)
