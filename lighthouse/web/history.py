"""What the page remembers of earlier documents: results of checks, memory, faults, changes."""

from collections import deque
from typing import Any, Final

from lighthouse.daemon.status_document import Cause, CheckStatus, StatusDocument
from lighthouse.daemon.worker_document import WorkerStatus

SQUARES: Final = 30
"""Results that are shown of each check, and samples of each worker's memory."""

SAMPLE: Final = 10.0
"""Seconds between two samples of memory."""

CheckKey = tuple[str, int, str]
FaultKey = tuple[str, str, str]


class PageHistory:
    """Filled by each document; nothing of it outlives the web worker.

    ``well_since`` is since when nothing is wrong, None while something is.
    """

    def __init__(self) -> None:
        self._checks: dict[CheckKey, tuple[float | None, deque[str]]] = {}
        self._memory: dict[str, tuple[float, deque[int]]] = {}
        self._faults: dict[FaultKey, float] = {}
        self.well_since: float | None = None

    def take(self, document: StatusDocument, now: float) -> None:
        """Note what a document of this moment says."""
        self._note_checks(document)
        there = {worker_key(worker) for worker in document.workers}
        self._memory = {key: kept for key, kept in self._memory.items() if key in there}
        for worker in document.workers:
            self._note_memory(worker, now)
        keys = {fault_key(cause) for cause in document.causes}
        self._faults = {key: self._faults.get(key, now) for key in keys}
        if not document.healthy:
            self.well_since = None
        elif self.well_since is None:
            self.well_since = now

    def results(self, key: CheckKey) -> str:
        """The newest results of a check, a letter each: p, f or ? for unknown."""
        return "".join(self._checks[key][1]) if key in self._checks else ""

    def memory(self, worker: WorkerStatus) -> list[int]:
        """Samples of a worker's memory in bytes, the newest last."""
        found = self._memory.get(worker_key(worker))
        return list(found[1]) if found else []

    def since(self, cause: Cause) -> float:
        """When a fault was first seen."""
        return self._faults[fault_key(cause)]

    def _note_checks(self, document: StatusDocument) -> None:
        kept = {}
        for service in document.services:
            for check in service.checks:
                key = (service.name, service.port, check.plugin)
                at, results = self._checks.get(key, (None, deque(maxlen=SQUARES)))
                moment = None if check.overdue else check.checked_at
                letter = _letter(check)
                if moment != at or (letter == "?" and (not results or results[-1] != "?")):
                    results.append(letter)
                kept[key] = moment, results
        self._checks = kept

    def _note_memory(self, worker: WorkerStatus, now: float) -> None:
        at, samples = self._memory.get(worker_key(worker), (0.0, deque(maxlen=SQUARES)))
        if now - at >= SAMPLE and worker.rss_bytes is not None:
            samples.append(worker.rss_bytes)
            at = now
        self._memory[worker_key(worker)] = at, samples


def worker_key(worker: WorkerStatus) -> str:
    return f"{worker.kind}/{worker.name}"


def fault_key(cause: Cause) -> FaultKey:
    return cause.kind, cause.name, cause.message


def _letter(check: CheckStatus) -> str:
    if check.overdue or check.passing is None:
        return "?"
    return "p" if check.passing else "f"


def means(before: WorkerStatus, now: WorkerStatus) -> dict[str, Any]:
    """Milliseconds that the changes took which were applied between two documents, by stage."""
    found = {}
    for stage, histogram in now.latency_ms.stages.items():
        old = before.latency_ms.stages.get(stage)
        count = sum(histogram.counts) - (sum(old.counts) if old else 0)
        took = histogram.sum - (old.sum if old else 0.0)
        if count > 0:
            found[stage] = round(took / count * 1000, 2)
    return found
