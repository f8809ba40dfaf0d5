"""One worker in full: its row, its last error, and all that its plugin says of itself."""

from collections.abc import Iterable, Iterator

import yaml

from lighthouse.commands.output.quantities import dated
from lighthouse.commands.output.table import Cell, lines, paint, wrapped
from lighthouse.commands.output.worker_figures import latency, process, snapshot
from lighthouse.commands.output.worker_table import workers
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.text import plain


def detail(
    worker: WorkerStatus, problems: Iterable[str], now: float, width: int | None
) -> Iterator[str]:
    """``problems`` are those that concern it, in words; ``now`` is wall-clock seconds."""
    for problem in problems:
        yield from wrapped(Cell(plain(problem), "bad"), width, "  ")
    yield from lines(workers((worker,), now), width)
    for title, text in (
        ("Plugin", _plugin(worker)),
        ("Against its contract", "\n".join(worker.about.faults)),
        ("Warnings", "\n".join(worker.about.warnings)),
        ("Process", "\n".join(process(worker, now))),
        ("Snapshot", "\n".join(snapshot(worker, now))),
        ("Latency", "\n".join(latency(worker.latency_ms))),
        ("Last error", worker.last_error),
        ("Last exit", worker.last_exit),
        ("Traceback", worker.traceback or worker.last_error_traceback),
        ("Its threads when it hung", worker.stacks),
    ):
        if text:
            yield from _section(title, text)
    said = _status(worker, now) if worker.status else "nothing"
    yield from _section("What its plugin says", said)


def _plugin(worker: WorkerStatus) -> str:
    """Whose code it is, and what runs it; what is not known is left out."""
    about = worker.about
    told = (
        ("distribution", about.distribution),
        ("entry point", f"{about.group}: {about.entry_point}" if about.entry_point else ""),
        ("class", about.loaded),
        ("defined at", about.place),
        ("interpreter", about.interpreter),
    )
    return "\n".join(f"{name:<13} {value}" for name, value in told if value)


def _section(title: str, text: str) -> Iterator[str]:
    yield ""
    yield paint(Cell(title, "title"))
    for line in text.rstrip("\n").split("\n"):
        yield f"  {plain(line)}"


def _status(worker: WorkerStatus, now: float) -> str:
    """Nested maps and lists as YAML, which people read in all the other files too."""
    told = dated(worker.status, now)
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=10**6)
