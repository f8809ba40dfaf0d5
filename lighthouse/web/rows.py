"""What the page shows, row by row: a pure function of a document and of what is remembered."""

from collections.abc import Iterator
from typing import Any, Final

from lighthouse.daemon.causes import effects
from lighthouse.daemon.status_document import (
    Cause,
    ClusterStatus,
    ServiceStatus,
    StatusDocument,
)
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.text import counted
from lighthouse.web.history import PageHistory, worker_key
from lighthouse.web.nodes import SortedNodes, states

Row = dict[str, Any]
Rows = dict[str, Row]

_LINES: Final = 40
"""Lines of a traceback that are shown."""

_SHOWN: Final = 12
"""Consequences of a fault that are named."""

_MEANT: Final = {"withheld"}
"""What is so because somebody wants it so."""

_HELP: Final = {
    "file": "lighthouse check",
    "discovery": "lighthouse status --worker {}",
    "balancer": "lighthouse status --worker {}",
    "check": "lighthouse status --worker {}",
    "web": "lighthouse status --worker {}",
    "cluster": "lighthouse explain {}",
}
"""The command that helps with a fault, by what it is about."""


def fault_rows(document: StatusDocument, history: PageHistory) -> Rows:
    """All that is not as it should be, the gravest first."""
    found = sorted(document.causes, key=lambda cause: -len(cause.consequences))
    return {
        f"{cause.kind}:{cause.name}:{cause.message}": _fault(cause, history) for cause in found
    }


def _fault(cause: Cause, history: PageHistory) -> Row:
    names = [(one.kind, one.name) for one in cause.consequences]
    helps = _HELP.get(cause.kind, "lighthouse status")
    return {
        "kind": cause.kind,
        "name": cause.name,
        "message": cause.message,
        "since": history.since(cause),
        "places": list(cause.places[:_SHOWN]),
        "effects": list(effects(cause.consequences)),
        "touches": names[:_SHOWN] if len(names) > 1 else [],
        "more": max(0, len(names) - _SHOWN),
        "help": helps.format(cause.name) if cause.name else "lighthouse status",
    }


def cluster_row(cluster: ClusterStatus, sorted_nodes: SortedNodes) -> Row:
    """One cluster: its nodes as letters, and why it is not well, if it is not."""
    reasons = list(_reasons(cluster))
    return {
        "nodes": states(cluster, sorted_nodes.nodes),
        "zones": list(sorted_nodes.zones),
        "sources": list(cluster.discovery),
        "changed": cluster.changed_at,
        "level": _level(cluster, bool(sorted_nodes.nodes)),
        "flags": list(_flags(cluster)),
        "reason": "; ".join(reasons),
    }


def _level(cluster: ClusterStatus, has_nodes: bool) -> str:
    if cluster.waits or not has_nodes:
        return "bad"
    return "warn" if set(_flags(cluster)) - _MEANT else "ok"


def _flags(cluster: ClusterStatus) -> Iterator[str]:
    """Words that the filter knows as states of a cluster."""
    if cluster.stale:
        yield "stale"
    if cluster.held_back:
        yield "held"
    if cluster.waits:
        yield "waits"
    elif not cluster.known:
        yield "unknown"
    if cluster.default_nodes:
        yield "default"
    if any(one.fault for one in cluster.refused):
        yield "refused"
    if cluster.primary_conflict:
        yield "conflict"
    if cluster.withheld:
        yield "withheld"


def _reasons(cluster: ClusterStatus) -> Iterator[str]:
    if cluster.waits:
        yield "no source has ever said who its nodes are"
    elif not cluster.known:
        yield "no source has answered yet"
    if cluster.stale:
        away = [s.discovery for s in cluster.sources if s.away_seconds is not None]
        yield f"last known nodes: {', '.join(away) or 'its source'} is away"
    if cluster.held_back:
        vanished = counted(len(cluster.held_back), "vanished node")
        yield f"{vanished} held back by the shrink guard"
    if cluster.default_nodes:
        yield "served by its default nodes"
    refused = [one for one in cluster.refused if one.fault]
    if refused:
        yield f"{counted(len(refused), 'record')} refused: {refused[0].reason}"
    if cluster.primary_conflict:
        yield cluster.primary_conflict
    for one in cluster.withheld:
        what = "no new sessions" if one.drained else "no traffic"
        yield f"{one.balancer} gives {counted(len(one.nodes), 'node')} {what}: {one.reason}"


def service_rows(document: StatusDocument, history: PageHistory) -> Rows:
    return {f"{one.name}:{one.port}": _service(one, history) for one in document.services}


def _service(service: ServiceStatus, history: PageHistory) -> Row:
    kept = service.maintenance
    return {
        "service": service.name,
        "port": service.port,
        "up": service.up,
        "registered": service.registered,
        "maintenance": None
        if kept is None
        else {"reason": kept.reason, "since": kept.since, "until": kept.until, "by": kept.by},
        "reason": service.reason or service.unreachable or service.damping.reason,
        "registrations": [
            {"discovery": one.discovery, "registered": one.registered, "reason": one.reason}
            for one in service.registrations
        ],
        "checks": [
            {
                "plugin": one.plugin,
                "passing": one.passing,
                "reason": one.reason,
                "changed": one.changed_at,
                "results": history.results((service.name, service.port, one.plugin)),
            }
            for one in service.checks
        ],
    }


def worker_rows(document: StatusDocument, history: PageHistory) -> Rows:
    return {worker_key(one): _worker(one, history) for one in document.workers}


def _worker(worker: WorkerStatus, history: PageHistory) -> Row:
    means = {
        stage: round(one.sum / max(1, sum(one.counts)) * 1000, 2)
        for stage, one in worker.latency_ms.stages.items()
    }
    return {
        "kind": worker.kind,
        "name": worker.name,
        "plugin": worker.plugin,
        "package": worker.package,
        "pid": worker.pid,
        "state": worker.state,
        "healthy": worker.healthy,
        "reason": worker.reason or worker.outdated or "; ".join(worker.warnings),
        "since": None if worker.since is None else round(worker.since, 1),
        "restarts": sum(worker.ends.values()),
        "ends": worker.ends,
        "memory": _rounded(worker.rss_bytes),
        "limit": worker.limits.memory,
        "samples": history.memory(worker),
        "p50": worker.latency_ms.p50,
        "p99": worker.latency_ms.p99,
        "stages": means,
        "outcome": worker.snapshot.outcome,
        "sent": worker.snapshot.sent,
        "applied": worker.snapshot.applied,
        "error": worker.last_error,
        "error_at": worker.last_error_at,
        "traceback": "\n".join((worker.traceback or "").splitlines()[-_LINES:]),
    }


def _rounded(size: int | None) -> int | None:
    """To a tenth of a MiB, so that a page or two are no news."""
    return None if size is None else round(size / 2**20 * 10) * 2**20 // 10


def head(document: StatusDocument, well_since: float | None) -> Row:
    """What stands above all sections."""
    said = document.supervisor
    return {
        "healthy": document.healthy,
        "well_since": well_since,
        "version": said.version,
        "pid": said.pid,
        "started": said.started_at,
        "directory": said.config_dir,
        "leaving": said.leaving,
    }
