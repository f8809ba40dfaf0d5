"""Metrics of what balancers did to their software, and of what that counts itself."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lighthouse.daemon.worker_document import WorkerStatus

_BALANCER: Final = ("balancer",)

_OWN: Final = {
    "sessions": "Sessions that clients began.",
    "requests": "HTTP requests that were received.",
    "bytes_in": "Bytes received from clients.",
    "bytes_out": "Bytes sent to clients.",
    "connection_errors": "Connections to nodes that failed.",
    "response_errors": "Responses of nodes that broke.",
    "retries": "Connections to nodes that were tried again.",
    "redispatches": "Requests that were given to another node after one failed.",
}
"""HAProxy's own counters, by the names that its worker gives them."""

_UNITS: Final = {"bytes_in": "received_bytes", "bytes_out": "sent_bytes"}


def families(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    balancers = [worker for worker in workers if worker.kind == "balancer"]
    yield from _work(balancers)
    yield from _traffic(balancers)
    yield from _certificates(workers)


def _work(balancers: list[WorkerStatus]) -> Iterator[Metric]:
    reloads = CounterMetricFamily(
        "lighthouse_balancer_reloads",
        "Reloads of the balancer's software, by what made them necessary.",
        labels=("balancer", "reason"),
    )
    repairs = CounterMetricFamily(
        "lighthouse_balancer_drift_repairs",
        "Differences that others had made to the running software, repaired.",
        labels=_BALANCER,
    )
    starts = CounterMetricFamily(
        "lighthouse_balancer_starts",
        "Starts of the balancer's software.",
        labels=_BALANCER,
    )
    for worker in balancers:
        said = worker.status
        by_reason = said.get("reloads_by_reason")
        if isinstance(by_reason, dict):
            for reason, count in sorted(counts(by_reason).items()):
                reloads.add_metric((worker.name, reason), count)
        elif (total := _count(said.get("reloads"))) is not None:
            reloads.add_metric((worker.name, "any"), total)
        for family, key in ((repairs, "drift_repaired"), (starts, "starts")):
            if (done := _count(said.get(key))) is not None:
                family.add_metric((worker.name,), done)
    yield from (reloads, repairs, starts)


def _traffic(balancers: list[WorkerStatus]) -> Iterator[Metric]:
    """What HAProxy counts by cluster; the sums never fall when it is reloaded."""
    found = {
        key: CounterMetricFamily(
            f"lighthouse_haproxy_{_UNITS.get(key, key)}", text, labels=("balancer", "cluster")
        )
        for key, text in _OWN.items()
    }
    responses = CounterMetricFamily(
        "lighthouse_haproxy_responses",
        "HTTP responses, by class of their status.",
        labels=("balancer", "cluster", "code"),
    )
    current = GaugeMetricFamily(
        "lighthouse_haproxy_replaced_workers",
        "Workers of HAProxy that were replaced and still serve connections.",
        labels=_BALANCER,
    )
    for worker in balancers:
        if (old := _count(worker.status.get("old_workers"))) is not None:
            current.add_metric((worker.name,), old)
        for cluster, said in sorted(worker.counters.items()):
            for key, family in found.items():
                if key in said:
                    family.add_metric((worker.name, cluster), said[key])
            for code in ("1xx", "2xx", "3xx", "4xx", "5xx", "other"):
                if f"responses_{code}" in said:
                    labels = (worker.name, cluster, code)
                    responses.add_metric(labels, said[f"responses_{code}"])
    yield from (*found.values(), responses, current)


def _certificates(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    expiry = GaugeMetricFamily(
        "lighthouse_certificate_expiry_timestamp_seconds",
        "When a certificate ends that is in use here, in seconds since 1970.",
        labels=("kind", "worker", "certificate"),
    )
    for worker in workers:
        said = worker.status.get("certificates")
        if isinstance(said, dict):
            for name, ends_at in sorted(counts(said).items()):
                expiry.add_metric((worker.kind, worker.name, name), ends_at)
    yield expiry


def counts(said: Mapping[Any, Any]) -> dict[str, float]:
    """Those of a plugin's values that are numbers, by name."""
    found = {str(name): _count(value) for name, value in said.items()}
    return {name: value for name, value in found.items() if value is not None}


def _count(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isinstance(value, int | float) else None
