"""Metrics of the workers: whether they run, what they take, how long changes took in them."""

from collections.abc import Iterator
from typing import Final, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from lighthouse.balancer import Kind
from lighthouse.daemon.worker_document import HistogramStatus, WorkerStatus

_WORKER: Final = ("kind", "worker")
_OUTCOMES: Final = get_args(Kind)
_BUDGETS: Final = ("processes", "zombies", "threads", "descriptors")


def families(workers: tuple[WorkerStatus, ...], now: float) -> Iterator[Metric]:
    """``now`` is the wall clock's time."""
    yield from _life(workers)
    yield from _usage(workers)
    yield from _snapshots(workers, now)
    yield from _changes(workers)


def _life(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    up = GaugeMetricFamily("lighthouse_worker_up", "1 if the worker runs.", labels=_WORKER)
    healthy = GaugeMetricFamily(
        "lighthouse_worker_healthy",
        "1 if the worker runs, is settled and does what it should.",
        labels=_WORKER,
    )
    ends = CounterMetricFamily(
        "lighthouse_worker_restarts",
        "Ends of the worker's processes that another one followed, by what ended them.",
        labels=(*_WORKER, "reason"),
    )
    lines = CounterMetricFamily(
        "lighthouse_worker_log_lines_dropped",
        "Lines that the worker's process wrote beyond its budget.",
        labels=_WORKER,
    )
    for worker in workers:
        labels = (worker.kind, worker.name)
        up.add_metric(labels, worker.state == "running")
        healthy.add_metric(labels, worker.healthy)
        lines.add_metric(labels, worker.lines_left_out)
        for reason, count in sorted(worker.ends.items()):
            ends.add_metric((*labels, reason), count)
    yield from (up, healthy, ends, lines)


def _usage(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    memory = GaugeMetricFamily(
        "lighthouse_worker_resident_memory_bytes", "Memory of the worker.", labels=_WORKER
    )
    room = GaugeMetricFamily(
        "lighthouse_worker_memory_limit_bytes",
        "Memory beyond which the worker is restarted.",
        labels=_WORKER,
    )
    cpu = CounterMetricFamily(
        "lighthouse_worker_cpu_seconds", "CPU time of the worker's process.", labels=_WORKER
    )
    used = GaugeMetricFamily(
        "lighthouse_worker_budget_used",
        "What the worker has, by what it is.",
        labels=(*_WORKER, "resource"),
    )
    limit = GaugeMetricFamily(
        "lighthouse_worker_budget_limit",
        "What the worker may have for longer than a moment.",
        labels=(*_WORKER, "resource"),
    )
    for worker in workers:
        labels = (worker.kind, worker.name)
        memory.add_metric(labels, worker.rss_bytes or 0)
        room.add_metric(labels, worker.limits.memory)
        cpu.add_metric(labels, worker.cpu_seconds or 0.0)
        for resource in _BUDGETS:
            used.add_metric((*labels, resource), getattr(worker, resource))
            limit.add_metric((*labels, resource), getattr(worker.limits, resource))
    yield from (memory, room, cpu, used, limit)


def _snapshots(workers: tuple[WorkerStatus, ...], now: float) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "lighthouse_worker_snapshot_age_seconds",
        "Since the worker last said what became of a snapshot.",
        labels=_WORKER,
    )
    pending = GaugeMetricFamily(
        "lighthouse_worker_snapshot_pending",
        "1 if a snapshot was sent to the worker that it has not answered.",
        labels=_WORKER,
    )
    outcome = GaugeMetricFamily(
        "lighthouse_worker_outcome",
        "1 for how the newest snapshot ended, 0 for the other outcomes.",
        labels=(*_WORKER, "outcome"),
    )
    for worker in workers:
        labels, snapshot = (worker.kind, worker.name), worker.snapshot
        pending.add_metric(labels, (snapshot.sent or 0) > (snapshot.applied or 0))
        if snapshot.applied_at is not None:
            age.add_metric(labels, max(0.0, now - snapshot.applied_at))
        for kind in _OUTCOMES:
            outcome.add_metric((*labels, kind), snapshot.outcome == kind)
    yield from (age, pending, outcome)


def _changes(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    took = HistogramMetricFamily(
        "lighthouse_change_duration_seconds",
        "From a node's change as a discovery saw it to its being in force, by stage.",
        labels=("balancer", "stage"),
    )
    for worker in workers:
        if worker.kind == "balancer":
            for stage, histogram in worker.latency_ms.stages.items():
                took.add_metric((worker.name, stage), *cumulative(histogram))
    yield took


def cumulative(histogram: HistogramStatus) -> tuple[list[tuple[str, float]], float]:
    """The buckets as Prometheus counts them, each with those below it, and the sum."""
    total, buckets = 0, []
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound is None else repr(bound), float(total)))
    return buckets, histogram.sum
