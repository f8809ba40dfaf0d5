"""The status document as metrics: each of them is in the manual, with its labels."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lighthouse.daemon.status_document import parse
from lighthouse.web.metrics.collector import StatusCollector, exposition
from tests.requirements import command

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "metrics.md"
RULES = ROOT / "etc" / "prometheus"
DASHBOARD = ROOT / "etc" / "grafana" / "lighthouse.json"
NOW = 1_700_000_000.0
TOOK = {"bounds": [0.1, 1.0], "counts": [2, 1, 1], "sum": 4.5}

COUNTED = {
    "sessions": 10,
    "requests": 11,
    "bytes_in": 12,
    "bytes_out": 14,
    "responses_5xx": 13,
    "connection_errors": 15,
    "response_errors": 16,
    "retries": 17,
    "redispatches": 18,
}

DOCUMENT: dict[str, Any] = {
    "healthy": False,
    "causes": [{"kind": "cluster", "name": "app", "message": "odd"}],
    "supervisor": {
        "version": "9.9",
        "started_at": NOW - 60,
        "rss_bytes": 1000,
        "cpu_seconds": 1.5,
        "config_errors": [{"file": "a"}],
        "config_warnings": [{"file": "a"}, {"file": "b"}],
        "internal_errors": 3,
    },
    "workers": [
        {
            "kind": "balancer",
            "name": "haproxy",
            "state": "running",
            "healthy": True,
            "rss_bytes": 2000,
            "cpu_seconds": 2.5,
            "processes": 1,
            "zombies": 0,
            "threads": 2,
            "descriptors": 9,
            "lines_left_out": 4,
            "limits": {"memory": 4000, "processes": 10, "threads": 20, "descriptors": 30},
            "ends": {"memory": 1, "hung": 2},
            "snapshot": {"sent": 8, "applied": 7, "applied_at": NOW - 30, "outcome": "applied"},
            "latency_ms": {"stages": {"total": TOOK}},
            "status": {
                "reloads": 3,
                "reloads_by_reason": {"clusters": 2, "settings": 1},
                "drift_repaired": 5,
                "starts": 1,
                "old_workers": 1,
                "certificates": {"/a.pem": NOW + 10},
            },
            "counters": {"app": COUNTED},
        },
        {"kind": "balancer", "name": "nginx", "state": "waiting", "status": {"reloads": 6}},
        {"kind": "discovery", "name": "zk", "state": "running"},
        {
            "kind": "check",
            "name": "http",
            "state": "running",
            "status": {"performed": {"passed": 3, "failed": 1, "took": TOOK}},
        },
        {"kind": "check", "name": "odd", "status": {"performed": {"passed": "many"}}},
    ],
    "clusters": [
        {
            "name": "app",
            "known": True,
            "stale": True,
            "age_seconds": 40.0,
            "changed_at": NOW - 50,
            "held_back": ["n1"],
            "nodes": [{"name": "n1"}, {"name": "n2"}],
            "guard": {"trips": 2},
            "refused": [{"record": "x", "fault": True}, {"record": "y", "fault": False}],
            "sources": [{"discovery": "zk", "away_seconds": 40.0}],
        }
    ],
    "services": [
        {
            "name": "web",
            "port": 80,
            "up": True,
            "maintenance": {"reason": "deploy"},
            "registrations": [{"discovery": "zk", "registered": True}],
            "damping": {"held": 2},
            "checks": [{"plugin": "http", "passing": True}],
        }
    ],
}


def collector(document: object) -> StatusCollector:
    return StatusCollector(parse(json.dumps(document).encode()), NOW - 5, NOW)


def text(document: object) -> str:
    return exposition(collector(document), "text/plain")[0].decode()


def in_the_manual() -> dict[str, tuple[str, frozenset[str]]]:
    """The type and the labels of each metric, as the manual has them."""
    rows = re.findall(r"^\| `(lighthouse_\w+)` \| (\w+) \|([^|]*)\|", MANUAL.read_text(), re.M)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", told))) for name, kind, told in rows}


def names() -> dict[str, str]:
    """The type of each metric that there is, by its name."""
    found = collector(DOCUMENT).collect()
    return {m.name + ("_total" if m.type == "counter" else ""): m.type for m in found}


def test_every_metric_is_in_the_manual_with_its_type_and_labels() -> None:
    manual = in_the_manual()
    assert {name: kind for name, (kind, _) in manual.items()} == names()
    for metric in collector(DOCUMENT).collect():
        name = metric.name + ("_total" if metric.type == "counter" else "")
        assert metric.samples, f"{name} has no sample to be tried with"
        labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
        assert labels == manual[name][1], name


@pytest.mark.parametrize(
    "line",
    [
        "lighthouse_healthy 0.0",
        "lighthouse_status_age_seconds 5.0",
        'lighthouse_problems{kind="cluster"} 1.0',
        'lighthouse_problems{kind="service"} 0.0',
        "lighthouse_internal_errors_total 3.0",
        'lighthouse_worker_restarts_total{kind="balancer",reason="hung",worker="haproxy"} 2.0',
        'lighthouse_worker_up{kind="balancer",worker="nginx"} 0.0',
        'lighthouse_worker_memory_limit_bytes{kind="balancer",worker="haproxy"} 4000.0',
        'lighthouse_worker_budget_limit{kind="balancer",resource="threads",worker="haproxy"} 20.0',
        'lighthouse_worker_snapshot_pending{kind="balancer",worker="haproxy"} 1.0',
        'lighthouse_worker_snapshot_age_seconds{kind="balancer",worker="haproxy"} 30.0',
        'lighthouse_change_duration_seconds_bucket{balancer="haproxy",le="1.0",stage="total"} 3.0',
        'lighthouse_change_duration_seconds_count{balancer="haproxy",stage="total"} 4.0',
        'lighthouse_change_duration_seconds_sum{balancer="haproxy",stage="total"} 4.5',
        'lighthouse_cluster_nodes{cluster="app"} 2.0',
        'lighthouse_cluster_refused_records{cluster="app"} 1.0',
        'lighthouse_cluster_guard_trips_total{cluster="app"} 2.0',
        'lighthouse_cluster_stale_seconds{cluster="app"} 40.0',
        'lighthouse_discovery_away_seconds{discovery="zk"} 40.0',
        'lighthouse_balancer_reloads_total{balancer="haproxy",reason="clusters"} 2.0',
        'lighthouse_balancer_reloads_total{balancer="nginx",reason="any"} 6.0',
        'lighthouse_haproxy_received_bytes_total{balancer="haproxy",cluster="app"} 12.0',
        'lighthouse_haproxy_responses_total{balancer="haproxy",cluster="app",code="5xx"} 13.0',
        'lighthouse_service_registered{discovery="zk",port="80",service="web"} 1.0',
        'lighthouse_check_results_total{check="http",result="failed"} 1.0',
    ],
)
def test_what_the_document_says_is_told(line: str) -> None:
    assert line in text(DOCUMENT).splitlines()


def test_no_name_of_a_node_is_told() -> None:
    assert "n1" not in text(DOCUMENT)


def test_an_empty_document_has_every_metric_without_trouble() -> None:
    assert {metric.name for metric in collector({}).collect()} == {
        metric.name for metric in collector(DOCUMENT).collect()
    }


def test_a_check_that_says_odd_things_of_itself_has_no_figures() -> None:
    assert 'check="odd"' not in text(DOCUMENT)


def test_who_accepts_open_metrics_is_given_them() -> None:
    told, kind = exposition(collector(DOCUMENT), "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert told.endswith(b"# EOF\n")


@pytest.mark.needs("promtool")
def test_the_names_are_conventional() -> None:
    assert ran("check", "metrics", told=text(DOCUMENT)) == ""


@pytest.mark.needs("promtool")
def test_the_rules_do_what_they_are_to_do() -> None:
    assert "SUCCESS" in ran("test", "rules", str(RULES / "lighthouse.test.yaml"))


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    rules = (RULES / "lighthouse.rules.yaml").read_text()
    recorded = set(re.findall(r"record: (\S+)", rules))
    there = set(names()) | {"lighthouse"}
    for name, kind in names().items():
        if kind == "histogram":
            there |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
    board = json.loads(DASHBOARD.read_text())
    asked = [t["expr"] for p in board["panels"] for t in p.get("targets", ())]
    asked += [one["definition"] for one in board["templating"]["list"] if "definition" in one]
    assert len(asked) > 20
    for text in (rules, *asked):
        used = set(re.findall(r"\blighthouse:\w+(?::\w+)*", text))
        assert used <= recorded
        plain = re.sub(r"lighthouse:\w+(?::\w+)*", "", text)
        assert set(re.findall(r"\blighthouse_\w+", plain)) <= there


@pytest.mark.needs("promtool")
def test_what_the_dashboard_asks_can_be_asked(tmp_path: Path) -> None:
    board = json.loads(DASHBOARD.read_text())
    asked = [t["expr"] for p in board["panels"] for t in p.get("targets", ())]
    rules = [{"record": f"r{number}", "expr": expr} for number, expr in enumerate(asked)]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    assert f"{len(asked)} rules found" in ran("check", "rules", str(path))


def ran(*words: str, told: str = "") -> str:
    """What promtool prints; fails if it does not like what it is given."""
    line = [command("promtool") or "promtool", *words]
    done = subprocess.run(line, input=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
