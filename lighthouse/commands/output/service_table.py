"""The services of this host as a table."""

from collections.abc import Iterable, Iterator
from typing import Final

from lighthouse.commands.output.quantities import number, span
from lighthouse.commands.output.table import Cell, Column, Row, Table
from lighthouse.daemon.status_document import CheckStatus, MaintenanceStatus, ServiceStatus
from lighthouse.text import plain

_COLUMNS: Final = (
    Column("Service"),
    Column("Port", right=True),
    Column("State"),
    Column("Registered"),
)


def services(found: Iterable[ServiceStatus], now: float) -> Table:
    """One row for each port, with its checks below it."""
    return Table(_COLUMNS, tuple(_row(service, now) for service in found))


def until(maintenance: MaintenanceStatus, now: float) -> str:
    """The reason of a maintenance, who said so and for how long."""
    words = [plain(maintenance.reason)] if maintenance.reason else []
    if maintenance.since is not None:
        words.append(f"for {span(now - maintenance.since)}")
    if maintenance.until is not None:
        words.append(f"ends in {span(maintenance.until - now)}")
    if maintenance.by:
        words.append(f"by {plain(maintenance.by)}")
    return ", ".join(words)


def _row(service: ServiceStatus, now: float) -> Row:
    cells = (
        Cell(plain(service.name)),
        Cell(number(service.port)),
        _state(service),
        Cell("yes", "good") if service.registered else Cell("no", "soso"),
    )
    well = bool(service.up) and service.registered and service.maintenance is None
    return Row(cells, tuple(_below(service, now)), well)


def _state(service: ServiceStatus) -> Cell:
    if service.maintenance is not None:
        return Cell("maintenance", "soso")
    if service.damping.reason and not service.up:
        return Cell("held down", "soso")
    if service.up is None:
        return Cell("not known yet", "soso")
    return Cell("up", "good") if service.up else Cell("down", "bad")


def _below(service: ServiceStatus, now: float) -> Iterator[Cell]:
    if service.maintenance is not None:
        yield Cell(f"maintenance: {until(service.maintenance, now)}", "soso")
    held = service.damping
    if held.reason:
        left = f", for {span(held.until - now)} more" if held.until is not None else ""
        down = "" if service.up else "held down: "
        yield Cell(f"{down}{plain(held.reason)}{left}", "soso")
    for one in service.registrations:
        if one.reason:
            stands = "registered" if one.registered else "not registered"
            yield Cell(f"{stands} in {plain(one.discovery)}: {plain(one.reason)}", "soso")
    if service.reason:
        yield Cell(plain(service.reason), "soso")
    passing = [check for check in service.checks if check.passing and not check.overdue]
    for check in service.checks:
        if check not in passing:
            yield _check(check, now)
    if passing:
        yield Cell(", ".join(_check(check, now).text for check in passing), "dim")


def _check(check: CheckStatus, now: float) -> Cell:
    verdict = Cell("passing", "good") if check.passing else Cell("failing", "bad")
    if check.passing is None:
        verdict = Cell("unknown", "bad") if check.overdue else Cell("not checked yet", "soso")
    text = f"{plain(check.plugin)} {verdict.text}"
    if check.reason:
        text += f": {plain(check.reason)}"
    if check.checked_at:
        since = check.changed_at if check.passing is not None else None
        lasts = "" if since is None else f", as for {span(now - since)}"
        text += f" ({span(now - check.checked_at)} ago{lasts})"
    return Cell(text, verdict.style)
