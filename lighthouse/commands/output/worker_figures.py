"""The figures of one worker as lines: its process, its snapshot, the time that changes take."""

from collections.abc import Iterator
from typing import Final

from lighthouse.commands.output.quantities import milliseconds, moment, percent, size, span
from lighthouse.daemon.worker_document import HistogramStatus, LatencyStatus, WorkerStatus
from lighthouse.text import plain

_WIDTH: Final = 14
_BAR: Final = 30


def process(worker: WorkerStatus, now: float) -> Iterator[str]:
    """Since when it is as it is, what it takes of what it may, and how often it was started."""
    if worker.since is not None:
        yield _line("state", f"{worker.state} for {span(now - worker.since)}")
    limits = worker.limits
    if worker.pid is not None:
        yield _line("pid", str(worker.pid))
        yield _line("memory", f"{size(worker.rss_bytes)} of {size(limits.memory)}")
        used = "" if worker.cpu_seconds is None else f", {worker.cpu_seconds:.1f} s in all"
        yield _line("processor", f"{percent(worker.cpu_share)}{used}")
        for name, has, may in (
            ("threads", worker.threads, limits.threads),
            ("open files", worker.descriptors, limits.descriptors),
            ("processes", worker.processes, limits.processes),
        ):
            yield _line(name, f"{has} of {may}")
    if worker.ends:
        counts = sorted(worker.ends.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{count} {plain(reason)}" for reason, count in counts)
        yield _line("ends so far", told)
    last = worker.last_end
    if last is not None:
        how = last.signal or ("never ran" if last.status is None else f"status {last.status}")
        when = f", {moment(last.at, now)}" if moment(last.at, now) else ""
        yield _line("last end", f"{plain(last.reason)} ({plain(how)}){when}")
    for warning in worker.warnings:
        yield _line("warning", plain(warning))


def snapshot(worker: WorkerStatus, now: float) -> Iterator[str]:
    """What it was sent and what it has made true."""
    found = worker.snapshot
    if found.sent:
        yield _line("sent", f"v{found.sent}{_at(found.sent_at, now)}")
    if found.applied:
        outcome = f", {plain(found.outcome)}" if found.outcome else ""
        yield _line("applied", f"v{found.applied}{_at(found.applied_at, now)}{outcome}")
    if found.behind_seconds is not None:
        yield _line("behind", f"for {span(found.behind_seconds)}")


def latency(found: LatencyStatus) -> Iterator[str]:
    """The whole way and the mean of each stage, then how many changes took how long."""
    if not found.count:
        return
    halves = f"p50 {milliseconds(found.p50)}, p99 {milliseconds(found.p99)}"
    yield _line(f"{found.count} changes", halves)
    for name, stage in found.stages.items():
        yield _line(plain(name), f"mean {milliseconds(stage.sum / found.count * 1000)}")
    yield from _bars(found.stages.get("total", HistogramStatus()))


def _bars(found: HistogramStatus) -> Iterator[str]:
    most = max(found.counts, default=0)
    for bound, count in zip((*found.bounds, None), found.counts, strict=False):
        if count:
            within = "more" if bound is None else f"<= {bound * 1000:g} ms"
            yield f"{within:>{_WIDTH}} {'#' * max(1, count * _BAR // most)} {count}"


def _at(when: float | None, now: float) -> str:
    told = moment(when, now)
    return f", {told}" if told else ""


def _line(name: str, value: str) -> str:
    return f"{name:<{_WIDTH}} {value}"
