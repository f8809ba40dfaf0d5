"""Workers, clusters and services as rows that can be sorted, found and opened."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from lighthouse.commands.output.service_table import services
from lighthouse.commands.output.status_tables import clusters
from lighthouse.commands.output.table import Row, Table
from lighthouse.commands.output.worker_table import workers
from lighthouse.daemon.status_document import (
    ClusterStatus,
    ServiceStatus,
    StatusDocument,
    node_count,
)
from lighthouse.daemon.worker_document import WorkerStatus

Key = tuple[str, str]
"""Worker, cluster or service; and which."""

SORTS: Final = ("unwell", "name", "cpu", "memory", "restarts", "latency", "nodes", "changed")
"""``unwell``: what is not well comes first. By a figure the greatest, or newest, comes first."""

_Figures = Mapping[str, Callable[[Any], float | None]]

_OF_WORKERS: Final[_Figures] = {
    "cpu": lambda worker: worker.cpu_share,
    "memory": lambda worker: worker.rss_bytes,
    "restarts": lambda worker: worker.restarts,
    "latency": lambda worker: worker.latency_ms.p99,
    "changed": lambda worker: worker.snapshot.applied_at,
}
_OF_CLUSTERS: Final[_Figures] = {
    "nodes": node_count,
    "changed": lambda cluster: cluster.changed_at,
}


class Item(msgspec.Struct, frozen=True):
    """``subject`` is what the row shows."""

    key: Key
    subject: WorkerStatus | ClusterStatus | ServiceStatus
    row: Row


class Section(msgspec.Struct, frozen=True):
    """One table of items; its own rows are theirs."""

    table: Table
    items: tuple[Item, ...]


def sections(document: StatusDocument, sort: str, text: str, now: float) -> list[Section]:
    """What there is that matches a text, by kind; kinds of which there is nothing are left out."""
    found = (
        _section("worker", document.workers, workers(document.workers, now), _worker_name),
        _section("cluster", document.clusters, clusters(document.clusters, now), _name),
        _section("service", document.services, services(document.services, now), _service_name),
    )
    kept = [_arranged(section, sort, text) for section in found]
    return [section for section in kept if section.items]


def _section(
    kind: str, subjects: Iterable[Any], table: Table, name: Callable[[Any], str]
) -> Section:
    rows = zip(subjects, table.rows, strict=True)
    return Section(table, tuple(Item((kind, name(each)), each, row) for each, row in rows))


def _arranged(section: Section, sort: str, text: str) -> Section:
    words = text.lower().split()
    kept = [item for item in section.items if all(word in _said(item) for word in words)]
    kept.sort(key=lambda item: _order(item, sort))
    return Section(section.table, tuple(kept))


def _order(item: Item, sort: str) -> tuple[float, str]:
    if sort == "unwell":
        return float(item.row.well), item.key[1]
    figures = {"worker": _OF_WORKERS, "cluster": _OF_CLUSTERS}.get(item.key[0], {})
    figure = figures[sort](item.subject) if sort in figures else None
    return (0.0 if figure is None else -float(figure)), item.key[1]


def _said(item: Item) -> str:
    """What a filter looks for its words in."""
    return " ".join(_words(item)).lower()


def _words(item: Item) -> Iterator[str]:
    yield from item.key
    yield "well" if item.row.well else "bad"
    for cell in item.row.cells:
        yield cell.text


def _worker_name(worker: WorkerStatus) -> str:
    return f"{worker.kind}/{worker.name}"


def _name(cluster: ClusterStatus) -> str:
    return cluster.name


def _service_name(service: ServiceStatus) -> str:
    return f"{service.name}:{service.port}"
