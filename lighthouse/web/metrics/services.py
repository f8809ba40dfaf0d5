"""Metrics of what this host provides: services, their checks, their registrations."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from lighthouse.daemon.status_document import ServiceStatus
from lighthouse.daemon.worker_document import HistogramStatus, WorkerStatus
from lighthouse.web.metrics.workers import cumulative

_PORT: Final = ("service", "port")


def families(services: tuple[ServiceStatus, ...]) -> Iterator[Metric]:
    yield from _services(services)
    yield from _checks(services)


def _services(services: tuple[ServiceStatus, ...]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "lighthouse_service_up",
        "1 if the service is well by its checks, 0 if not or if that is unknown.",
        labels=_PORT,
    )
    maintenance = GaugeMetricFamily(
        "lighthouse_service_maintenance",
        "1 if an operator has taken the service out.",
        labels=_PORT,
    )
    registered = GaugeMetricFamily(
        "lighthouse_service_registered",
        "1 if the service is registered with the discovery.",
        labels=(*_PORT, "discovery"),
    )
    damped = CounterMetricFamily(
        "lighthouse_service_returns_damped",
        "Returns of the service that flap damping held back.",
        labels=_PORT,
    )
    for service in services:
        labels = (service.name, str(service.port))
        up.add_metric(labels, service.up is True)
        maintenance.add_metric(labels, service.maintenance is not None)
        damped.add_metric(labels, service.damping.held)
        for one in service.registrations:
            registered.add_metric((*labels, one.discovery), one.registered)
    yield from (up, maintenance, registered, damped)


def _checks(services: tuple[ServiceStatus, ...]) -> Iterator[Metric]:
    passing = GaugeMetricFamily(
        "lighthouse_check_passing",
        "1 if the check passes, 0 if not or if that is unknown.",
        labels=(*_PORT, "check"),
    )
    overdue = GaugeMetricFamily(
        "lighthouse_check_overdue",
        "1 if the check should have had another result by now.",
        labels=(*_PORT, "check"),
    )
    for service in services:
        for check in service.checks:
            labels = (service.name, str(service.port), check.plugin)
            passing.add_metric(labels, check.passing is True)
            overdue.add_metric(labels, check.overdue)
    yield from (passing, overdue)


class CheckTally(msgspec.Struct, frozen=True):
    """What a check's worker says in its status of what it has performed."""

    passed: int = 0
    failed: int = 0
    took: HistogramStatus = HistogramStatus()


def performances(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    """How often each check was performed, and how long that took."""
    results = CounterMetricFamily(
        "lighthouse_check_results",
        "Checks performed, by how they ended.",
        labels=("check", "result"),
    )
    took = HistogramMetricFamily(
        "lighthouse_check_duration_seconds",
        "How long checks took.",
        labels=("check",),
    )
    for worker in workers:
        if worker.kind != "check":
            continue
        said = performed(worker.status)
        if said is None:
            continue
        results.add_metric((worker.name, "passed"), said.passed)
        results.add_metric((worker.name, "failed"), said.failed)
        took.add_metric((worker.name,), *cumulative(said.took))
    yield from (results, took)


def performed(status: dict[str, Any]) -> CheckTally | None:
    """What a worker's status says of its performances, None if nothing."""
    try:
        found = msgspec.convert(status.get("performed"), CheckTally)
    except msgspec.ValidationError:
        return None
    whole = len(found.took.counts) == len(found.took.bounds) + 1
    return found if whole else None
