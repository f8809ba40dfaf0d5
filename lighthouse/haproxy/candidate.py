"""From all stanzas to a configuration that HAProxy takes, with the faulty ones left out.

A cluster that is at fault (a port of another's, a line that HAProxy refuses, an address that
cannot be bound) is confined to itself: its last good stanza is used, or none at all.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.haproxy.process import STDIN, Verdict
from lighthouse.haproxy.render import STATS, Chunk, Skeleton, owner_at, skeleton, text_of
from lighthouse.haproxy.settings import Settings
from lighthouse.haproxy.stanza import Stanza

ROUNDS: Final = 20
"""HAProxy stops reading at some faults, so one check may show just the first of several."""

_POSITION: Final = re.compile(rf"\[{re.escape(STDIN)}:(\d+)\]")
_PREFIX: Final = re.compile(
    r"^\[ALERT\]\s*\(\d+\) : (?:config : )?(?:parsing )?(?:\[[^\]]*\]\s*: )?"
)
_NAMED: Final = re.compile(r"(?:frontend|backend|proxy|server) '?([A-Za-z0-9_.-]+)")
_SUMMARY: Final = ("Error(s) found in configuration", "Fatal errors found in configuration")

Stanzas = Mapping[str, Stanza]


class Refused(ValueError):
    """No candidate passes, whatever cluster is left out; HAProxy's words."""


class Candidate(msgspec.Struct, frozen=True):
    """A configuration that passed, whole. ``refused``: by cluster, what was wrong with it."""

    skeleton: Skeleton
    chunks: tuple[Chunk, ...]
    refused: dict[str, str] = {}
    warnings: tuple[str, ...] = ()


def allot(settings: Settings, stanzas: Stanzas) -> tuple[dict[str, Stanza], dict[str, str]]:
    """The clusters that may have their ports and names, and why the others may not.

    The settings' own come first, then the clusters by name.
    """
    ports = {meta.port: f"meta_clusters.{n}" for n, meta in settings.meta_clusters.items()}
    ports |= {proxy.port: f"proxies.{n}" for n, proxy in settings.proxies.items()}
    if settings.stats:
        ports[settings.stats.port] = "stats"
    names = {STATS, *settings.meta_clusters, *settings.proxies}
    kept, faults = {}, {}
    for name in sorted(stanzas):
        stanza = stanzas[name]
        if name in names:
            faults[name] = "a proxy or meta_cluster in the balancer's file has the same name"
        elif stanza.port is not None and stanza.port in ports:
            faults[name] = f"port {stanza.port} belongs to {ports[stanza.port]}"
        else:
            kept[name] = stanza
            if stanza.port is not None:
                ports[stanza.port] = f"cluster {name}"
            if stanza.meta is not None and stanza.meta not in settings.meta_clusters:
                faults[name] = f"meta_cluster '{stanza.meta}' is not in the balancer's file"
    return kept, faults


def blame(alerts: Sequence[str], chunks: Sequence[Chunk]) -> dict[str, str]:
    """What HAProxy found, by owner; what it gives no place or name for goes to ``""``."""
    clusters = {chunk.owner for chunk in chunks if chunk.owner}
    lines = text_of(chunks).splitlines()
    found: dict[str, str] = {}
    loose = ""
    for alert in alerts:
        if any(part in alert for part in _SUMMARY):
            continue
        text = _PREFIX.sub("", alert).strip()
        if place := _POSITION.search(alert):
            number = int(place.group(1))
            owner = owner_at(chunks, number)
            shown = lines[number - 1].strip() if number <= len(lines) else ""
            found.setdefault(owner, f"{text} (in: {shown})" if shown else text)
        elif named := [name for name in _NAMED.findall(alert) if name in clusters]:
            found.setdefault(named[0], text)
        else:
            loose = loose or text
    if loose and not found:
        found[""] = loose
    return found


def confine(
    settings: Settings,
    wanted: Stanzas,
    good: Stanzas,
    fill: Callable[[Skeleton], tuple[Chunk, ...]],
    judge: Callable[[tuple[Chunk, ...]], tuple[Verdict, dict[str, str]]],
) -> Candidate:
    """The largest part of what is wanted that passes; raises ``Refused`` if none does.

    ``fill`` renders a skeleton with its servers; ``judge`` gives HAProxy's verdict on a text
    and, if that is good, the owners whose addresses cannot be bound.
    """
    use = dict(wanted)
    refused: dict[str, str] = {}
    for _ in range(ROUNDS):
        kept, _ = allot(settings, use)
        frame = skeleton(settings, tuple(kept.values()))
        chunks = fill(frame)
        verdict, unbound = judge(chunks)
        faulty = dict(unbound) if verdict.valid else blame(verdict.alerts, chunks)
        if verdict.valid and not faulty:
            return Candidate(frame, chunks, refused, verdict.warnings)
        if "" in faulty:
            changed = [n for n in kept if n not in refused and kept[n] != good.get(n)]
            if not good or not changed or verdict.valid:
                raise Refused(faulty[""])
            reason = faulty[""]
            faulty = dict.fromkeys(changed, reason)
        for name, reason in faulty.items():
            before = good.get(name)
            if name not in refused and before is not None and before != use[name]:
                use[name] = before
            else:
                use.pop(name, None)
            refused.setdefault(name, reason)
    raise Refused(f"too many faults; the last ones: {refused}")
