"""The status document: everything an operator may ask, in a versioned schema.

Version 1, documented in docs/operations.md. Times are wall-clock seconds, ages and CPU are
seconds, memory is bytes, latency is milliseconds.
"""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from lighthouse import __version__
from lighthouse.config.fault import Fault
from lighthouse.config.types import ServiceFile
from lighthouse.membership.view import View
from lighthouse.node import Node
from lighthouse.registration.damping import DampingState
from lighthouse.registration.maintenance import Maintenance
from lighthouse.registration.services import NO_ADDRESS, ports
from lighthouse.supervisor.answers.cluster_status import describe, troubles
from lighthouse.supervisor.state import State
from lighthouse.supervisor.worker import Worker

VERSION = 1


class Shown:
    """The nodes of each cluster as JSON, made anew only for those that have changed.

    The supervisor serves nobody else while it writes a status, and a fleet has many nodes.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[tuple[Node, ...], msgspec.Raw]] = {}

    def take(self, views: Mapping[str, View]) -> None:
        """Show these clusters from now on."""
        self._made = {name: self._make(name, view.nodes) for name, view in views.items()}

    def nodes(self, name: str) -> msgspec.Raw:
        return self._made[name][1]

    def _make(self, name: str, nodes: tuple[Node, ...]) -> tuple[tuple[Node, ...], msgspec.Raw]:
        made = self._made.get(name)
        if made is not None and made[0] is nodes:
            return made
        return nodes, msgspec.Raw(msgspec.json.encode([_node(node) for node in nodes]))


def document(
    state: State,
    root: Path,
    faults: Iterable[Fault],
    pool: Iterable[Worker],
    started_at: float,
    shown: Shown,
) -> dict[str, Any]:
    """The whole status as JSON values."""
    shown.take(state.memberships.views)
    found = list(faults)
    workers = [_worker(worker) for worker in sorted(pool, key=lambda worker: worker.name)]
    clusters = [_cluster(state, name, shown) for name in sorted(state.config.clusters)]
    services = provided(state)
    problems = [str(fault) for fault in found if not fault.warning]
    problems += [f"{w['kind']} {w['name']}: {w['reason']}" for w in workers if not w["healthy"]]
    for cluster in clusters:
        problems += [f"cluster {cluster['name']}: {text}" for text in troubles(cluster)]
    nowhere = {service["name"] for service in services if service["reason"] == NO_ADDRESS}
    if nowhere:
        problems.append(f"{', '.join(sorted(nowhere))}: not registered: {NO_ADDRESS}")
    for discovery in state.config.discovery:
        link = state.memberships.away(discovery)
        if link is not None:
            problems.append(f"discovery {discovery}: {link.state}: {link.reason}")
    return {
        "version": VERSION,
        "healthy": not problems,
        "problems": problems,
        "supervisor": {
            "pid": os.getpid(),
            "version": __version__,
            "started_at": started_at,
            "config_dir": str(root),
            "config_errors": [_fault(fault) for fault in found if not fault.warning],
            "config_warnings": [_fault(fault) for fault in found if fault.warning],
            "guard_trips": state.memberships.trips,
            "leaving": state.report.leaving,
            **_usage(os.getpid()),
        },
        "workers": workers,
        "clusters": clusters,
        "services": services,
        "maintenance": [
            {"service": one.service, "port": one.port, **(_maintenance(one) or {})}
            for one in state.report.maintenance.all()
        ],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
    }


def _worker(worker: Worker) -> dict[str, Any]:
    life, applied = worker.life, worker.applied
    kind = applied.kind if applied is not None else None
    healthy = life.state == "running" and kind not in ("failed", "degraded")
    reason = life.reason if life.state in ("waiting", "stopping") else ""
    if not reason and applied is not None and kind not in ("applied", "unchanged"):
        reason = f"{kind}: {applied.reason}"
    if not reason and life.state == "starting":
        reason = "starting"
    return {
        "kind": worker.name[0],
        "name": worker.name[1],
        "plugin": worker.plugin,
        "pid": worker.process.pid if worker.process is not None else None,
        "state": life.state,
        "healthy": healthy or (life.state == "starting" and life.starts <= 1),
        "reason": reason,
        "since": time.time() - (time.monotonic() - life.since) if life.since else None,
        "restarts": max(0, life.starts - 1),
        "last_exit": life.last_exit,
        **_usage(worker.process.pid if worker.process is not None else None),
        "snapshot": {
            "sent": worker.version,
            "applied": applied.version if applied is not None else None,
            "applied_at": worker.applied_at,
            "outcome": kind,
        },
        "latency_ms": msgspec.structs.asdict(worker.latency.figures()),
        "last_error": worker.last_error,
        "traceback": applied.traceback if applied is not None else "",
        "status": worker.status,
    }


def _usage(pid: int | None) -> dict[str, Any]:
    if pid is not None:
        try:
            process = psutil.Process(pid)
            times = process.cpu_times()
            rss = process.memory_info().rss
        except psutil.Error:
            pass
        else:
            return {"rss_bytes": rss, "cpu_seconds": round(times.user + times.system, 2)}
    return {"rss_bytes": None, "cpu_seconds": None}


def _cluster(state: State, name: str, shown: Shown) -> dict[str, Any]:
    memberships = state.memberships
    view, read_at = memberships.views[name], memberships.read_at(name)
    return {
        "name": name,
        "discovery": list(state.config.clusters[name].discovery),
        "known": view.known,
        "stale": view.stale,
        "age_seconds": None if read_at is None else round(time.time() - read_at, 3),
        "held_back": list(memberships.held_back(name)),
        **describe(memberships.rosters[name], time.monotonic(), time.time() - time.monotonic()),
        "nodes": shown.nodes(name),
        "refused": [msgspec.structs.asdict(refusal) for refusal in memberships.refused(name)],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "host": node.host,
        "ip": node.ip,
        "port": node.port,
        "weight": node.weight,
        "metadata": node.metadata,
    }


def provided(state: State) -> list[dict[str, Any]]:
    """The services of this host, each port by itself."""
    report = state.report
    return [
        {
            "name": service.name,
            "file": service.file,
            "port": port,
            "up": report.up(stem, service, port),
            "maintenance": _maintenance(report.maintenance.of(service.name, port)),
            "damping": _damping(state, stem, service, port),
            "registered": bool(found) and all(one["registered"] for one in found),
            "registrations": found,
            "reason": _reason(state, stem, service, port),
            "checks": [_check(state, stem, port, check.plugin) for check in service.checks],
        }
        for stem, service, port in ports(state.config.services)
        for found in [_registrations(state, stem, service, port)]
    ]


def _reason(state: State, stem: str, service: ServiceFile, port: int) -> str:
    """What an operator should know of a port beside its checks."""
    if state.report.service(stem, service, port) is None:
        return NO_ADDRESS
    return "" if service.checks else "has no checks: it counts as up"


def _maintenance(statement: Maintenance | None) -> dict[str, Any] | None:
    if statement is None:
        return None
    return {
        "reason": statement.reason,
        "since": statement.since,
        "until": statement.until,
        "by": statement.by,
    }


def _damping(state: State, stem: str, service: ServiceFile, port: int) -> dict[str, Any]:
    """What flap damping holds back now, and how often it had to."""
    standing = state.report.standings.get((stem, port), DampingState())
    due, reason = standing.due(service.flap_damping), ""
    if standing.holding:
        reason = "flaps: its checks pass, but it was up and down too often"
    elif standing.waiting is not None:
        reason = "what it publishes changes too often: the newest is published later"
    wall = time.time() - time.monotonic()
    since = standing.held_since if standing.holding else None
    return {
        "reason": reason,
        "since": None if since is None else wall + since,
        "until": None if due is None or not reason else wall + due,
        "held": standing.held,
        "changes_held": standing.changes_held,
    }


def _registrations(
    state: State, stem: str, service: ServiceFile, port: int
) -> list[dict[str, Any]]:
    """Whether the node stands in each of its discoveries, and why not if it should."""
    node = state.report.service(stem, service, port)
    found = []
    for name in service.discovery:
        if node is None:
            found.append({"discovery": name, "registered": False, "reason": NO_ADDRESS})
            continue
        said = state.report.registrations.get(name, {}).get(node.place)
        link = state.memberships.link_of(name)
        reason = said.reason if said is not None else ""
        if not reason and link is not None and link.state != "connected":
            reason = f"{link.state}: {link.reason}" if link.reason else link.state
        registered = said is not None and said.registered
        found.append({"discovery": name, "registered": registered, "reason": reason})
    return found


def _check(state: State, stem: str, port: int, plugin: str) -> dict[str, Any]:
    verdict = state.report.verdicts.get((plugin, stem, port))
    if verdict is None:
        return {"plugin": plugin, "passing": None, "reason": "not yet run", "checked_at": None}
    return {
        "plugin": plugin,
        "passing": verdict.passing,
        "reason": verdict.reason,
        "checked_at": verdict.checked_at,
    }
