"""A history as lines for people; a pure function of it and of the time."""

import time
from collections.abc import Iterator

from lighthouse.commands.output.quantities import milliseconds, span
from lighthouse.commands.output.table import Cell, paint
from lighthouse.daemon.history_document import (
    BalancerHistory,
    ClusterChange,
    HistoryDocument,
    TriggerStatus,
    VersionStatus,
)
from lighthouse.text import counted, plain, several


def lines(found: HistoryDocument, now: float, diff: bool) -> Iterator[str]:
    """Each balancer's versions; ``now`` is wall-clock seconds."""
    if not found.balancers:
        yield "there is no balancer"
    for one in found.balancers:
        yield from _balancer(one, now, diff)


def _balancer(found: BalancerHistory, now: float, diff: bool) -> Iterator[str]:
    told = f"balancer {plain(found.balancer)}"
    pin = found.pinned
    if pin is not None:
        left = f", for {span(pin.until - now)} more" if pin.until is not None else ""
        told += f": pinned to version {pin.version} by {plain(pin.by)}{left}: {plain(pin.reason)}"
    yield paint(Cell(told, "bad" if pin is not None else "title"))
    if not found.versions:
        yield "  has applied nothing yet"
    for version in found.versions:
        yield from _version(version, now, diff)


def _version(version: VersionStatus, now: float, diff: bool) -> Iterator[str]:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(version.applied_at))
    took = milliseconds(version.duration_ms)
    parts = [f"  v{version.version}", f"{at} ({span(now - version.applied_at)} ago)", took]
    if version.reloads is not None:
        parts.append(counted(version.reloads, "reload") if version.reloads else "no reload")
    if version.outcome not in ("applied", "unchanged"):
        parts.append(plain(f"{version.outcome}: {version.reason}"))
    yield "  ".join(parts)
    for trigger in version.triggers:
        yield f"      {_trigger(trigger)}"
    if version.more_triggers:
        yield f"      and {version.more_triggers} more"
    for change in version.changes:
        yield from _change(change, diff)
    if version.more_clusters:
        yield f"      and {counted(version.more_clusters, 'more cluster')}"
    if version.settings:
        yield "      its own file is another"
        yield from _difference(version.settings) if diff else ()
    if version.first:
        yield f"      the oldest that is known: {counted(version.clusters, 'cluster')}"


def _trigger(trigger: TriggerStatus) -> str:
    name = plain(trigger.name)
    match trigger.kind:
        case "observed":
            seen = f"discovery {plain(trigger.discovery)} saw {name} changing"
            return seen + (f" (trace {plain(trigger.trace)})" if trigger.trace else "")
        case "file":
            return f"file {name}"
        case "order":
            return f"order: {name}"
        case "start":
            return "start of the daemon"
    return "the time: a hold or a patience was over"


def _change(change: ClusterChange, diff: bool) -> Iterator[str]:
    words = [f"{sign}{plain(node)}" for sign, each in _moved(change) for node in each]
    changed = [f"{plain(node.node)} {plain(node.what)}" for node in change.changed]
    told = f"      cluster {plain(change.cluster)}"
    if change.kind != "changed":
        told += f" {change.kind}"
    told += f": {counted(change.nodes, 'node')}"
    summary = [several(words)] if words and not diff else words
    summary += [several(changed)] if changed and not diff else changed
    more = [f"{change.unnamed} more"] if change.unnamed else []
    section = ["its section is another"] if change.section else []
    rest = [*summary, *more, *([change.known] if change.known else []), *section]
    if diff:
        yield told
        yield from (f"        {line}" for line in rest)
        yield from _difference(change.section)
    else:
        yield "; ".join([told, *rest])


def _moved(change: ClusterChange) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("+", change.added), ("-", change.removed)


def _difference(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"        {plain(line)}"
