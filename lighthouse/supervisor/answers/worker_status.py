"""One worker's part of the status document."""

import os
import time
from typing import Final

import msgspec

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.daemon.worker_document import (
    BudgetLimits,
    ExitStatus,
    HistogramStatus,
    LatencyStatus,
    OrderStatus,
    PluginStatus,
    SnapshotStatus,
    WorkerStatus,
)
from lighthouse.ipc.messages import Applied
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.process.ending import known
from lighthouse.process.timing.histogram import BOUNDS
from lighthouse.supervisor.pool.cost.latency import Latency
from lighthouse.supervisor.pool.cost.record import LastEnd
from lighthouse.supervisor.pool.doubt import doubt
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.standing_order import StandingOrder

FLOODED: Final = 10.0
"""Seconds for which a worker that wrote too much is said to do so."""

UNKNOWN: Final = (None, None)

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class WorkerOrders(msgspec.Struct, frozen=True):
    """What operators have ordered about a worker; ``pinned`` says the same as ``pin`` in words."""

    pause: StandingOrder | None = None
    pin: StandingOrder | None = None
    pinned: str = ""


def worker_status(worker: Worker, away: str, orders: WorkerOrders) -> WorkerStatus:
    """How a worker is; ``away`` is why a discovery's cannot ask its source, empty if it can."""
    life, applied = worker.life, worker.applied
    pid = worker.process.pid if worker.process is not None else None
    rss, cpu = usage(pid)
    return WorkerStatus(
        kind=worker.name[0],
        name=worker.name[1],
        plugin=worker.plugin,
        package=str(worker.code.running or ""),
        about=_about(worker.code.report),
        outdated=worker.code.outdated,
        refused=worker.code.refused,
        pid=pid,
        state=_state(worker),
        healthy=_healthy(worker) and not away and orders.pin is None,
        reason="; ".join(filter(None, (_reason(worker, away), orders.pinned))),
        since=time.time() - (time.monotonic() - life.since) if life.since else None,
        restarts=max(0, life.starts - 1),
        ends={str(ending): count for ending, count in worker.record.ends.items()},
        last_exit=life.last_exit,
        last_end=_end(worker.record.last),
        paused=_order(orders.pause),
        pinned=_order(orders.pin),
        rss_bytes=rss,
        cpu_seconds=cpu,
        cpu_share=_rounded(worker.budget.cpu.over()),
        limits=_limits(worker.settings),
        warnings=tuple(worker.budget.near.values()),
        processes=worker.budget.taken.processes,
        zombies=worker.budget.taken.zombies,
        threads=worker.budget.taken.threads,
        descriptors=worker.budget.taken.descriptors,
        lines_left_out=0 if worker.process is None else worker.process.journal.left_out,
        snapshot=_snapshot(worker, time.time()),
        latency_ms=_latency(worker.record.latency),
        last_error=worker.last_error,
        last_error_at=worker.last_error_at,
        last_error_traceback=worker.last_traceback,
        traceback=worker.traceback or (applied.traceback if applied is not None else ""),
        stacks=worker.stacks,
        status=worker.status,
        counters=worker.counters,
    )


def trouble(worker: Worker) -> str:
    """Why a worker is not well, empty if it is; of itself, not of the source that it asks."""
    return "" if _healthy(worker) else _reason(worker, "")


def usage(pid: int | None) -> tuple[int | None, float | None]:
    """A process's memory in bytes and its CPU time in seconds."""
    if pid is None:
        return UNKNOWN
    said = known.stat(pid)
    if not said:
        return UNKNOWN
    ticks = int(said[known.USER_TICKS]) + int(said[known.SYSTEM_TICKS])
    return int(said[known.PAGES]) * _PAGE, round(ticks / _TICKS, 2)


def _state(worker: Worker) -> str:
    idle = worker.life.state in ("waiting", "stopped")
    return "paused" if worker.paused and idle else worker.life.state


def _snapshot(worker: Worker, now: float) -> SnapshotStatus:
    """What it was sent and has made true; ``now`` is wall-clock seconds."""
    applied = worker.applied
    behind = applied is None or applied.version != worker.version
    lasts = behind and worker.sent_at is not None
    return SnapshotStatus(
        sent=worker.version,
        sent_at=worker.sent_at,
        applied=applied.version if applied is not None else None,
        applied_at=worker.applied_at,
        age_seconds=_since(worker.applied_at, now),
        behind_seconds=_since(worker.sent_at, now) if lasts else None,
        outcome=applied.kind if applied is not None else None,
    )


def _since(moment: float | None, now: float) -> float | None:
    return None if moment is None else round(max(0.0, now - moment), 3)


def _latency(latency: Latency) -> LatencyStatus:
    figures = latency.figures()
    stages = {
        str(stage): HistogramStatus(bounds=BOUNDS, counts=tuple(one.counts), sum=round(one.sum, 6))
        for stage, one in latency.stages.items()
        if figures.count
    }
    return LatencyStatus(p50=figures.p50, p99=figures.p99, count=figures.count, stages=stages)


def _end(last: LastEnd | None) -> ExitStatus | None:
    if last is None:
        return None
    code = last.status if last.status is not None and last.status >= 0 else None
    return ExitStatus(reason=last.reason, status=code, signal=last.signal, at=last.at)


def _limits(settings: WorkerSettings) -> BudgetLimits:
    return BudgetLimits(
        memory=settings.memory,
        processes=settings.processes,
        zombies=settings.zombies,
        threads=settings.threads,
        descriptors=settings.descriptors,
        log_lines=settings.log_lines,
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)


def _order(order: StandingOrder | None) -> OrderStatus | None:
    return None if order is None else order_status(order)


def order_status(order: StandingOrder) -> OrderStatus:
    kind, name = order.worker
    return OrderStatus(
        kind=kind,
        name=name,
        reason=order.reason,
        since=order.since,
        until=order.until,
        by=order.by,
        version=order.version or None,
    )


def _healthy(worker: Worker) -> bool:
    """A worker that has done nothing yet, or ended lately, is not to be relied on."""
    applied = worker.applied
    failed = applied is not None and applied.kind in ("failed", "degraded")
    doubtful = doubt(worker) or _excess(worker) or _wrong(worker) or worker.code.refused
    runs = worker.life.state == "running" and not worker.paused
    return runs and not failed and not doubtful


def is_rejected(worker: Worker) -> bool:
    """Return True if it does nothing since its plugin rejects the file that it is made for."""
    applied = worker.applied
    if applied is None or applied.kind != "failed":
        return False
    return any(one.cluster is None and one.service is None for one in applied.rejections)


def is_told_by_faults(applied: Applied | None) -> bool:
    """Return True if all of an outcome's reason is what it rejects, each with its place."""
    if applied is None or applied.kind not in ("failed", "degraded") or not applied.rejections:
        return False
    known = [
        f"{rejection.cluster or ''}: {problem.message}"
        for rejection in applied.rejections
        for problem in rejection.problems
    ]
    clauses = [clause.removesuffix("...") for clause in applied.reason.split("; ")]
    return all(clause and any(clause in text for text in known) for clause in clauses)


def _reason(worker: Worker, away: str) -> str:
    """Why it does not run or cannot ask, what is wrong with its work, or why it is in doubt."""
    life, applied = worker.life, worker.applied
    if worker.paused:
        return worker.paused
    if life.state in ("waiting", "stopping") and life.reason:
        return life.reason
    if life.state == "starting":
        return f"is starting again: {life.last_exit}" if life.last_exit else "is starting"
    if away and life.state == "running":
        return away
    if applied is not None and applied.kind not in ("applied", "unchanged"):
        more = f"; `lighthouse status --worker {worker.name[1]}` has the traceback"
        return f"{applied.kind}: {applied.reason}{more if applied.traceback else ''}"
    doubts = (doubt(worker), _excess(worker), _wrong(worker), worker.code.refused)
    return next(filter(None, doubts), worker.code.outdated)


def _wrong(worker: Worker) -> str:
    """What the plugin of a worker that runs does against its contract."""
    report = worker.code.report if worker.life.state == "running" else None
    return "" if report is None else report.wrong()


def _about(report: PluginReport | None) -> PluginStatus:
    if report is None:
        return PluginStatus()
    return PluginStatus(
        distribution=str(report.origin or ""),
        group=report.group,
        entry_point=report.entry_point,
        loaded=report.loaded,
        place=report.place,
        interpreter=report.interpreter,
        faults=tuple([str(fault) for fault in report.faults if not fault.warning]),
        warnings=tuple([str(fault) for fault in report.faults if fault.warning]),
    )


def _excess(worker: Worker) -> str:
    """What a worker takes beyond its budget, empty if it keeps to it."""
    if worker.process is None:
        return ""
    if worker.budget.excess:
        return f"{worker.budget.excess}: it is killed if that lasts"
    journal = worker.process.journal
    if journal.flooded_at is None or time.monotonic() > journal.flooded_at + FLOODED:
        return ""
    return f"wrote more than {worker.settings.log_lines} lines a second until a moment ago"
