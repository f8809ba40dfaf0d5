"""Metrics of the daemon itself and of its configuration."""

import platform
from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lighthouse.daemon.status_document import StatusDocument


def families(document: StatusDocument, age: float) -> Iterator[Metric]:
    """``age`` is how many seconds ago the document was made."""
    said = document.supervisor
    build = GaugeMetricFamily(
        "lighthouse_build_info",
        "Always 1; the labels say what runs.",
        labels=("version", "python_version"),
    )
    build.add_metric((said.version, platform.python_version()), 1)
    yield build
    yield GaugeMetricFamily(
        "lighthouse_healthy",
        "1 if nothing is wrong, as `lighthouse status` judges it.",
        value=document.healthy,
    )
    yield GaugeMetricFamily(
        "lighthouse_status_age_seconds",
        "How old the status is that these metrics are made of.",
        value=age,
    )
    problems = GaugeMetricFamily(
        "lighthouse_problems",
        "Things that are wrong now, by what they are about.",
        labels=("kind",),
    )
    kinds = ("file", "discovery", "balancer", "check", "web", "cluster", "service", "supervisor")
    found = Counter(dict.fromkeys(kinds, 0))
    found.update(cause.kind for cause in document.causes)
    for kind, count in found.items():
        problems.add_metric((kind,), count)
    yield problems
    yield GaugeMetricFamily(
        "lighthouse_config_errors",
        "Errors in configuration files; the last good version of each is in force.",
        value=len(said.config_errors),
    )
    yield GaugeMetricFamily(
        "lighthouse_config_warnings",
        "Warnings about configuration files.",
        value=len(said.config_warnings),
    )
    yield CounterMetricFamily(
        "lighthouse_internal_errors",
        "What should not have happened inside the daemon, which went on.",
        value=said.internal_errors,
    )
    yield GaugeMetricFamily(
        "lighthouse_start_time_seconds",
        "When the daemon was started, in seconds since 1970.",
        value=said.started_at or 0.0,
    )
    yield GaugeMetricFamily(
        "lighthouse_resident_memory_bytes",
        "Memory of the supervisor.",
        value=said.rss_bytes or 0,
    )
    yield CounterMetricFamily(
        "lighthouse_cpu_seconds",
        "CPU time of the supervisor.",
        value=said.cpu_seconds or 0.0,
    )
