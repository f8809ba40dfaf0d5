"""The workers as a table."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lighthouse.commands.output.quantities import milliseconds, moment, number, percent, size
from lighthouse.commands.output.table import Cell, Column, Row, Style, Table
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.text import plain

_COLUMNS: Final = (
    Column("Worker"),
    Column("State"),
    Column("Pid", right=True),
    Column("Restarts", right=True, rank=1),
    Column("Snapshot", right=True, rank=2),
    Column("p50", right=True, rank=4),
    Column("p99", right=True, rank=3),
    Column("CPU", right=True, rank=3),
    Column("Memory", right=True, rank=2),
)

_STATES: Final[Mapping[str, Style]] = {
    "waiting": "bad",
    "starting": "soso",
    "running": "good",
    "stopping": "soso",
    "stopped": "dim",
    "paused": "bad",
}

_FACTS: Final = 6
"""So much of what a plugin says of itself is told in the table."""


def workers(found: Iterable[WorkerStatus], now: float) -> Table:
    """One row for each, with what is wrong or what its plugin says of itself below it."""
    return Table(_COLUMNS, tuple(_row(worker, now) for worker in found))


def _row(worker: WorkerStatus, now: float) -> Row:
    state = _state(worker)
    cells = (
        Cell(plain(f"{worker.kind} {worker.name}")),
        state,
        Cell(number(worker.pid)),
        Cell(number(worker.restarts), "soso" if worker.restarts else ""),
        Cell(_progress(worker)),
        Cell(milliseconds(worker.latency_ms.p50)),
        Cell(milliseconds(worker.latency_ms.p99)),
        Cell(percent(worker.cpu_share)),
        Cell(size(worker.rss_bytes)),
    )
    note = _note(worker, now)
    style: Style = "dim" if worker.healthy and not worker.reason else state.style
    if worker.warnings and style == "dim":
        style = "soso"
    return Row(cells, (Cell(note, style),) if note else (), worker.healthy)


def _state(worker: WorkerStatus) -> Cell:
    """In one word; what is running and not well is told by what is wrong with it."""
    if worker.state == "running" and not worker.healthy:
        outcome = worker.snapshot.outcome
        if worker.reason.startswith(f"{outcome}: "):
            return Cell(plain(outcome), "soso" if outcome == "degraded" else "bad")
        return Cell("not well", "bad")
    return Cell(plain(worker.state), _STATES.get(worker.state, "soso"))


def _progress(worker: WorkerStatus) -> str:
    sent, applied = worker.snapshot.sent, worker.snapshot.applied
    if not sent:
        return "-"
    return f"v{applied}" if applied == sent else f"v{applied or 0} of v{sent}"


def _note(worker: WorkerStatus, now: float) -> str:
    """What is wrong in the worker's own words, else what its plugin says of itself."""
    if worker.reason:
        waits = "waits to be started again: " if worker.state == "waiting" else ""
        return waits + plain(worker.reason)
    if worker.warnings:
        return "warning: " + plain("; ".join(worker.warnings))
    if worker.about.warnings:
        return "warning: " + plain(worker.about.warnings[0])
    if worker.last_error:
        when = moment(worker.last_error_at, now)
        return f"last error{f', {when}' if when else ''}: {plain(worker.last_error)}"
    if worker.last_exit:
        return "last exit: " + plain(worker.last_exit)
    return ", ".join([*_facts(worker.status, worker.state, now)][:_FACTS])


def _facts(status: Mapping[str, Any], state: str, now: float) -> Iterator[str]:
    """Single values in words; maps and lists are for ``--worker``."""
    for key, value in status.items():
        name = plain(key).replace("_", " ")
        if isinstance(value, bool):
            if name != state:
                yield name if value else f"not {name}"
        elif isinstance(value, float):
            yield f"{name} {moment(value, now) or f'{value:.4g}'}"
        elif isinstance(value, int) or (isinstance(value, str) and value):
            yield f"{name} {plain(value)}"
