"""The status document as tables for a person; a pure function of it and of the time."""

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lighthouse.commands.output.quantities import milliseconds, number, size, span
from lighthouse.daemon.status_document import (
    CheckStatus,
    ClusterStatus,
    MaintenanceStatus,
    ServiceStatus,
    StatedMaintenance,
    StatusDocument,
    TripStatus,
    WorkerStatus,
    node_count,
)
from lighthouse.text import plain

_GOOD: Final = "green"
_BAD: Final = "bold red"
_SOSO: Final = "yellow"
_DIM: Final = "dim"

_WORDS: Final = {
    "waiting": ("waits to be started again", _BAD),
    "starting": ("starting", _SOSO),
    "running": ("running", _GOOD),
    "stopping": ("being stopped", _SOSO),
    "stopped": ("stopped", _DIM),
    "failed": ("running, but fails", _BAD),
    "degraded": ("running, degraded", _SOSO),
}


def render(document: StatusDocument, now: float) -> RenderableType:
    """Everything, worst first; ``now`` is wall-clock seconds."""
    return Group(*_parts(document, now))


def _parts(document: StatusDocument, now: float) -> Iterator[RenderableType]:
    yield _headline(document, now)
    for problem in document.problems:
        yield Text(f"  {plain(problem)}", _BAD)
    for warning in document.supervisor.config_warnings:
        yield Text(f"  warning: {plain(warning)}", _SOSO)
    if document.workers:
        yield workers(document.workers)
    if document.clusters:
        yield _clusters(document.clusters, now)
    if document.services:
        yield _services(document.services, now)
    for one in _unused(document):
        text = f"maintenance of {plain(one.service)}, which is no service here: {_until(one, now)}"
        yield Text(f"\n  {text}", _DIM)


def _headline(document: StatusDocument, now: float) -> Text:
    supervisor = document.supervisor
    text = Text.assemble(
        (f"lighthouse {plain(supervisor.version)}", "bold"),
        f"  pid {supervisor.pid}  {plain(supervisor.config_dir)}  ",
    )
    if supervisor.started_at is not None:
        text.append(f"up {span(now - supervisor.started_at)}  ")
    if supervisor.leaving:
        text.append("leaving: everything is deregistered  ", _SOSO)
    text.append(*(("healthy", _GOOD) if document.healthy else ("degraded", _BAD)))
    return text


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
    )
    for column in columns:
        number = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if number else "left")
    table.columns[-1].overflow = "fold"
    return table


def workers(workers: tuple[WorkerStatus, ...]) -> Table:
    """One row for each."""
    table = _table(
        "Workers",
        "Worker",
        "State",
        ">Pid",
        ">Restarts",
        ">Snapshot",
        ">p50",
        ">p99",
        ">Memory",
        "Note",
    )
    for worker in workers:
        words, style = _WORDS.get(worker.state, (plain(worker.state), _SOSO))
        table.add_row(
            plain(f"{worker.kind} {worker.name}"),
            Text(words, style),
            number(worker.pid),
            Text(number(worker.restarts), _SOSO if worker.restarts else ""),
            _progress(worker),
            milliseconds(worker.latency_ms.p50),
            milliseconds(worker.latency_ms.p99),
            size(worker.rss_bytes),
            Text(_note(worker), "" if worker.state == "running" else style),
        )
    return table


def _progress(worker: WorkerStatus) -> str:
    sent, applied = worker.snapshot.sent, worker.snapshot.applied
    if not sent:
        return "-"
    return f"v{applied}" if applied == sent else f"v{applied or 0} of v{sent}"


def _note(worker: WorkerStatus) -> str:
    """What is wrong in the worker's own words, else what its plugin says of itself."""
    if worker.reason:
        return plain(worker.reason)
    if worker.last_error:
        return "last error: " + plain(worker.last_error)
    if worker.last_exit:
        return "last exit: " + plain(worker.last_exit)
    facts = [(k, v) for k, v in worker.status.items() if isinstance(v, str | int | float)]
    return ", ".join(f"{plain(key)} {plain(value)}" for key, value in facts[:6])


def _clusters(clusters: tuple[ClusterStatus, ...], now: float) -> Table:
    table = _table("Clusters", "Cluster", ">Nodes", "Discovery", "Last read", "Note")
    for cluster in clusters:
        table.add_row(
            plain(cluster.name),
            number(node_count(cluster)),
            _discovery(cluster),
            _freshness(cluster),
            _notes(cluster, now),
        )
    return table


def _freshness(cluster: ClusterStatus) -> Text:
    if not cluster.known:
        return Text("never", _BAD)
    age = span(cluster.age_seconds) + " ago" if cluster.age_seconds is not None else ""
    return Text(f"stale, {age}".rstrip(", "), _BAD) if cluster.stale else Text(age)


def _discovery(cluster: ClusterStatus) -> str:
    """The sources; of failover the one that is believed comes with a mark."""
    used = {source.discovery for source in cluster.sources if source.used}
    marked = [
        f"[{name}]" if cluster.combine == "failover" and name in used else name
        for name in cluster.discovery
    ]
    how = f" ({cluster.combine})" if len(marked) > 1 else ""
    return plain(", ".join(marked) + how)


def _notes(cluster: ClusterStatus, now: float) -> Text:
    lines = Text()
    if cluster.default_nodes:
        lines.append("default nodes\n", _SOSO)
    for source in cluster.sources:
        if source.stage in _STAGES and source.away_seconds is not None:
            told = f"{_STAGES[source.stage]}: {plain(source.discovery)} is away"
            lines.append(f"{told} for {span(source.away_seconds)}\n", _BAD)
    if cluster.held_back:
        lines.append(f"held back: {len(cluster.held_back)} nodes\n", _SOSO)
    if cluster.guard.last is not None:
        lines.append(f"{_trips(cluster.guard.trips, cluster.guard.last, now)}\n", _DIM)
    for refused in cluster.refused:
        lines.append(f"refused {plain(refused.record)}: {plain(refused.reason)}\n", _SOSO)
    lines.rstrip()
    return lines


_STAGES: Final = {"drain": "drained", "fence": "fenced", "withhold": "withheld"}


def _trips(count: int, last: TripStatus, now: float) -> str:
    outcome = plain(last.outcome or "not over yet")
    return f"guard: {count} trips, last {span(now - last.at)} ago, {last.lost} nodes, {outcome}"


def _services(services: tuple[ServiceStatus, ...], now: float) -> Table:
    table = _table("Services", "Service", ">Port", "State", "Registered", "Checks")
    for service in services:
        table.add_row(
            plain(service.name),
            number(service.port),
            _standing(service, now),
            Text("yes", _GOOD) if service.registered else Text("no", _SOSO),
            _checks(service, now),
        )
    return table


def _standing(service: ServiceStatus, now: float) -> Text:
    if service.maintenance is not None:
        return Text(f"maintenance: {_until(service.maintenance, now)}", _SOSO)
    held = service.damping
    if held.reason and not service.up:
        until = f", for {span(held.until - now)} more" if held.until is not None else ""
        return Text(f"held down{until}", _SOSO)
    if service.up is None:
        return Text("not known yet", _SOSO)
    return Text("up", _GOOD) if service.up else Text("down", _BAD)


def _until(maintenance: MaintenanceStatus, now: float) -> str:
    """The reason, who and for how long."""
    words = [plain(maintenance.reason)] if maintenance.reason else []
    if maintenance.since is not None:
        words.append(f"for {span(now - maintenance.since)}")
    if maintenance.until is not None:
        words.append(f"ends in {span(maintenance.until - now)}")
    if maintenance.by:
        words.append(f"by {plain(maintenance.by)}")
    return ", ".join(words)


def _unused(document: StatusDocument) -> list[StatedMaintenance]:
    """Statements that are about no service of the configuration."""
    there = {(one.name, port) for one in document.services for port in (None, one.port)}
    return [one for one in document.maintenance if (one.service, one.port) not in there]


def _checks(service: ServiceStatus, now: float) -> Text:
    lines = Text()
    for check in service.checks:
        lines.append(_check(check, now))
        lines.append("\n")
    for reason in (service.damping.reason, service.reason):
        if reason:
            lines.append(f"{plain(reason)}\n", _SOSO)
    lines.rstrip()
    return lines


def _check(check: CheckStatus, now: float) -> Text:
    verdict = ("passing", _GOOD) if check.passing else ("failing", _BAD)
    if check.passing is None:
        verdict = ("unknown", _BAD) if check.overdue else ("not checked yet", _SOSO)
    text = Text(f"{plain(check.plugin)} ")
    text.append(*verdict)
    if check.reason:
        text.append(f": {plain(check.reason)}")
    if check.checked_at:
        since = check.changed_at if check.passing is not None else None
        lasts = "" if since is None else f", as for {span(now - since)}"
        text.append(f" ({span(now - check.checked_at)} ago{lasts})", _DIM)
    return text
