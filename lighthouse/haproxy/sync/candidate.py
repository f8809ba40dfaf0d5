"""From all stanzas to a configuration that HAProxy takes, with the faulty ones left out.

A cluster that is at fault (an address of another's, a line that HAProxy refuses, an address
that cannot be bound) is confined to itself: its last good stanza is used, or none at all.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.balancer import Finding
from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Chunk, ConfigPath, at_port, origin, text_of
from lighthouse.haproxy.rendering.render import Skeleton
from lighthouse.haproxy.rendering.stanza import Stanza, Stanzas
from lighthouse.haproxy.runtime.process import FileVerdict

ROUNDS: Final = 20
"""HAProxy stops reading at some faults, so one check may show just the first of several."""

_POSITION: Final = re.compile(r"\[/[^\]\s]*:(\d+)\]")
_PREFIX: Final = re.compile(
    r"^\[(?:ALERT|WARNING)\]\s*\(\d+\) : (?:config : )?(?:[Pp]arsing |Binding )?"
    r"(?:\[[^\]]*\]\s*:? )?"
)
_NAMED: Final = re.compile(r"(?:frontend|backend|[Pp]roxy|server) '?([A-Za-z0-9_.-]+)")
_TAKEN: Final = "cannot bind"
_SUMMARY: Final = (
    *("Error(s) found in configuration", "Fatal errors found in configuration"),
    *("Some protocols failed to start", "Loading failure", "Warnings were found"),
    "exit-on-failure",
)


class CandidateRefused(ValueError):
    """No candidate passes, whatever cluster is left out; HAProxy's words, and their places."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(one.message for one in findings[:3]))
        self.findings: Final = tuple(findings)
        named = (f"{f.cluster}: {f.message}" if f.cluster else f.message for f in findings[:3])
        self.reason: Final = "; ".join(named)


class Candidate(msgspec.Struct, frozen=True):
    """A configuration that passed, whole. ``refused``: by cluster, what was wrong with it."""

    skeleton: Skeleton
    chunks: tuple[Chunk, ...]
    refused: dict[str, tuple[Finding, ...]] = {}
    warnings: tuple[Finding, ...] = ()


def blame(alerts: Sequence[str], chunks: Sequence[Chunk]) -> tuple[Finding, ...]:
    """What HAProxy found, with the cluster and the place in its YAML.

    What it gives no place or name for is about the settings as a whole.
    """
    clusters = {chunk.owner for chunk in chunks if chunk.owner}
    lines = text_of(chunks).splitlines()
    found: dict[tuple[str, ConfigPath], Finding] = {}
    loose: list[Finding] = []
    for alert in alerts:
        if any(part in alert for part in _SUMMARY):
            continue
        text = _PREFIX.sub("", alert).strip()
        owner, path = "", ConfigPath()
        if place := _POSITION.search(alert):
            number = int(place.group(1))
            owner, path = origin(chunks, number)
            path = at_port(path) if _TAKEN in alert else path
            shown = lines[number - 1].strip() if number <= len(lines) else ""
            text = f"{text} (in: {shown})" if shown and not path else text
        elif named := [name for name in _NAMED.findall(alert) if name in clusters]:
            owner = named[0]
        else:
            loose.append(Finding((), text))
            continue
        found.setdefault((owner, path), Finding(path, text, owner or None))
    return tuple(found.values()) or tuple(loose[:1])


def warn(warnings: Sequence[str], chunks: Sequence[Chunk]) -> tuple[Finding, ...]:
    """What HAProxy warns of, each with its place."""
    return tuple(msgspec.structs.replace(f, warning=True) for f in blame(warnings, chunks))


def confine(
    wanted: Stanzas,
    good: Stanzas,
    frame: Callable[[Stanzas], Skeleton],
    fill: Callable[[Skeleton], tuple[Chunk, ...]],
    judge: Callable[[tuple[Chunk, ...]], tuple[FileVerdict, tuple[Finding, ...]]],
    serving: Container[str] = (),
) -> Candidate:
    """The largest part of what is wanted that passes; raises ``CandidateRefused`` if none does.

    None does without the clusters that HAProxy is ``serving``: what runs is not given up for
    something that has become wrong with it, such as a certificate that is away.

    ``frame`` makes a skeleton of those stanzas that may have their addresses, ``fill`` renders
    it with its servers; ``judge`` gives HAProxy's verdict on a text and, if that is good, what
    cannot be bound.
    """
    use = dict(wanted)
    refused: dict[str, tuple[Finding, ...]] = {}
    suspected: set[str] = set()
    for _ in range(ROUNDS):
        drawn = frame(use)
        chunks = fill(drawn)
        verdict, unbound = judge(chunks)
        faulty = unbound if verdict.valid else blame(verdict.alerts, chunks)
        if verdict.valid and not faulty:
            return Candidate(drawn, chunks, refused, warn(verdict.warnings, chunks))
        kept = {stanza.cluster: stanza for stanza in drawn.stanzas}
        owned = _by_cluster(faulty)
        if "" in owned:
            certain = verdict.valid or any(finding.path for finding in owned[""])
            changed = [n for n in kept if n not in refused and kept[n] != good.get(n)]
            if not good or not changed or certain:
                # it stands without those that were suspected of it
                sure = {n: f for n, f in refused.items() if n not in suspected}
                raise CandidateRefused((*_every(sure), *owned[""]))
            suspected.update(changed)
            owned = {name: _all_of(owned[""], name) for name in changed}
        for name, findings in owned.items():
            before = None if name in refused else good.get(name)
            if not _withdraw(use, name, before) and name in serving:
                raise CandidateRefused(findings)
            refused.setdefault(name, findings)
    raise CandidateRefused(_every(refused))


def _withdraw(use: dict[str, Stanza], cluster: str, before: Stanza | None) -> bool:
    """Use the stanza of before for a cluster, if there is another one, else none of it.

    Returns True if there is one.
    """
    if before is not None and before != use.get(cluster):
        use[cluster] = before
        return True
    use.pop(cluster, None)
    return False


def _every(refused: Mapping[str, tuple[Finding, ...]]) -> tuple[Finding, ...]:
    return tuple(finding for findings in refused.values() for finding in findings)


def _by_cluster(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.cluster or "", []).append(finding)
    return {name: tuple(several) for name, several in found.items()}


def _all_of(findings: Iterable[Finding], cluster: str) -> tuple[Finding, ...]:
    return tuple(msgspec.structs.replace(finding, cluster=cluster) for finding in findings)


def faulty_binds(chunks: Sequence[Chunk], wrong: Mapping[Spot, str]) -> Iterator[Finding]:
    """Each spot that cannot be had, as a finding about the line that wants it."""
    for chunk in chunks if wrong else ():
        for line, place in zip(chunk.text.splitlines(), chunk.places, strict=False):
            for spot in binds.spots(line):
                if spot in wrong:
                    yield Finding(at_port(place), wrong[spot], chunk.owner or None)
