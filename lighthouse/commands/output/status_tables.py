"""The status document as lines for a person; pure functions of it, the time and the screen."""

from collections.abc import Iterable, Iterator
from typing import Final

from lighthouse.commands.output.hints import empty
from lighthouse.commands.output.quantities import number, span
from lighthouse.commands.output.service_table import services, until
from lighthouse.commands.output.table import (
    Cell,
    Column,
    Row,
    Style,
    Table,
    lines,
    paint,
    wrapped,
)
from lighthouse.commands.output.worker_table import workers
from lighthouse.daemon.status_document import (
    ClusterStatus,
    StatedMaintenance,
    StatusDocument,
    TripStatus,
    node_count,
)
from lighthouse.text import counted, plain

_CLUSTERS: Final = (
    Column("Cluster"),
    Column("Nodes", right=True),
    Column("Discovery"),
    Column("Changed"),
)

_SHOWN: Final = 3
_STAGES: Final = {"drain": "drained", "fence": "fenced", "withhold": "withheld"}


def render(document: StatusDocument, now: float, width: int | None) -> Iterator[str]:
    """Everything, what is wrong first; ``now`` is wall-clock seconds."""
    yield from top(document, now, width)
    for table in _tables(document, now):
        yield from lines(table, width)
    for one in _unused(document):
        text = f"maintenance of {plain(one.service)}, which is no service here: {until(one, now)}"
        yield ""
        yield from wrapped(Cell(text, "dim"), width, "  ")


def top(document: StatusDocument, now: float, width: int | None) -> Iterator[str]:
    """How all is in one line, then what is wrong."""
    yield _headline(document, now)
    for problem in document.problems:
        yield from wrapped(Cell(plain(problem), "bad"), width, "  ")
    for warning in document.supervisor.config_warnings:
        yield from wrapped(Cell(f"warning: {plain(warning)}", "soso"), width, "  ")


def _tables(document: StatusDocument, now: float) -> Iterator[Table]:
    if document.workers:
        yield workers(document.workers, now)
    if document.clusters:
        yield clusters(document.clusters, now)
    if document.services:
        yield services(document.services, now)


def _headline(document: StatusDocument, now: float) -> str:
    supervisor = document.supervisor
    parts = [
        paint(Cell(f"lighthouse {plain(supervisor.version)}", "title")),
        paint(Cell("healthy", "good") if document.healthy else Cell("degraded", "bad")),
        f"pid {supervisor.pid}",
    ]
    if supervisor.started_at is not None:
        parts.append(f"up {span(now - supervisor.started_at)}")
    parts.append(plain(supervisor.config_dir))
    if supervisor.leaving:
        parts.append(paint(Cell("leaving: everything is deregistered", "soso")))
    return "  ".join(parts)


def clusters(found: Iterable[ClusterStatus], now: float) -> Table:
    """One row for each, with what is wrong or worth knowing below it."""
    return Table(_CLUSTERS, tuple(_cluster(cluster, now) for cluster in found))


def _cluster(cluster: ClusterStatus, now: float) -> Row:
    cells = (
        Cell(plain(cluster.name)),
        Cell(number(node_count(cluster))),
        Cell(_discovery(cluster)),
        _freshness(cluster, now),
    )
    wrong = tuple(_wrong(cluster, now))
    well = not wrong and cluster.known and not cluster.stale
    return Row(cells, (*wrong, *_notes(cluster, now)), well)


def _freshness(cluster: ClusterStatus, now: float) -> Cell:
    if not cluster.known:
        return Cell("never", "bad")
    if cluster.stale:
        age = span(cluster.age_seconds) + " ago" if cluster.age_seconds is not None else ""
        return Cell(f"stale, {age}".rstrip(", "), "bad")
    return Cell("" if cluster.changed_at is None else f"{span(now - cluster.changed_at)} ago")


def _discovery(cluster: ClusterStatus) -> str:
    """The sources; of failover the one that is believed comes with a mark."""
    used = {source.discovery for source in cluster.sources if source.used}
    marked = [
        f"[{name}]" if cluster.combine == "failover" and name in used else name
        for name in cluster.discovery
    ]
    how = f" ({cluster.combine})" if len(marked) > 1 else ""
    return plain(", ".join(marked) + how)


def _wrong(cluster: ClusterStatus, now: float) -> Iterator[Cell]:
    soso: Style = "soso"
    if cluster.default_nodes:
        yield Cell("default nodes are served", soso)
    for source in cluster.sources:
        if source.stage in _STAGES and source.away_seconds is not None:
            told = f"{_STAGES[source.stage]}: {plain(source.discovery)} is away"
            yield Cell(f"{told} for {span(source.away_seconds)}", "bad")
    if cluster.held_back:
        yield Cell(f"held back: {counted(len(cluster.held_back), 'node')}", soso)
    for one in cluster.unreachable[:_SHOWN]:
        when = "" if one.since is None else f", for {span(now - one.since)}"
        told = f"balancer {plain(one.balancer)}: {plain(one.reason)}{when}"
        yield Cell(f"registered, but unreachable from here: {plain(one.name)}: {told}", soso)
    if cluster.unreachable_nodes > _SHOWN:
        yield Cell(f"and {cluster.unreachable_nodes - _SHOWN} more are unreachable", soso)
    if cluster.primary_conflict:
        yield Cell("which node is the primary is in conflict", "bad")
    for source in cluster.sources:
        if source.answered and source.nodes == 0 and not cluster.refused:
            yield Cell(empty(source.discovery, cluster.looked_up), "dim")
    for refused in cluster.refused:
        if refused.fault:
            yield Cell(f"refused {plain(refused.record)}: {plain(refused.reason)}", soso)


def _notes(cluster: ClusterStatus, now: float) -> Iterator[Cell]:
    """What is worth knowing of a cluster, and no fault."""
    for refused in cluster.refused:
        if not refused.fault:
            yield Cell(f"{plain(refused.record)}: {plain(refused.reason)}", "dim")
    if cluster.guard.last is not None:
        yield Cell(_trips(cluster.guard.trips, cluster.guard.last, now), "dim")


def _trips(count: int, last: TripStatus, now: float) -> str:
    outcome = plain(last.outcome or "not over yet")
    when = f"last {span(now - last.at)} ago"
    return f"guard: {counted(count, 'trip')}, {when}, {counted(last.lost, 'node')}, {outcome}"


def _unused(document: StatusDocument) -> list[StatedMaintenance]:
    """Statements that are about no service of the configuration."""
    there = {(one.name, port) for one in document.services for port in (None, one.port)}
    return [one for one in document.maintenance if (one.service, one.port) not in there]
