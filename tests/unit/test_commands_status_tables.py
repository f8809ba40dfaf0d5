"""The status document as a person sees it."""

import json
from collections.abc import Iterable

import click
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.commands.output import status_tables, worker_detail
from lighthouse.daemon import status_document
from lighthouse.text import plain

NOW = 1_700_000_000.0


def shown(width: int | None = None, **content: object) -> str:
    document = status_document.parse(json.dumps(content).encode())
    return printed(status_tables.render(document, NOW, width))


def printed(lines: Iterable[str]) -> str:
    return click.unstyle("".join(f"{line}\n" for line in lines))


def detailed(problems: Iterable[str] = (), **changes: object) -> str:
    content = {"workers": [worker(**changes)]}
    (found,) = status_document.parse(json.dumps(content).encode()).workers
    return printed(worker_detail.detail(found, problems, NOW, None))


def worker(**changes: object) -> dict[str, object]:
    return {"kind": "balancer", "name": "haproxy", "state": "running", "pid": 7, **changes}


def test_an_empty_document_is_shown() -> None:
    assert "degraded" in shown()


def test_healthy_is_said() -> None:
    headline = shown(healthy=True, supervisor={"pid": 12, "started_at": NOW - 3700})
    assert "healthy" in headline
    assert "pid 12" in headline
    assert "up 1 h 1 min" in headline


def test_a_config_error_is_shown_once_with_its_place() -> None:
    error = {"file": "clusters/a.yaml", "line": 3, "column": 5, "message": "unknown key 'x'"}
    text = "clusters/a.yaml:3:5: unknown key 'x'"
    view = shown(supervisor={"config_errors": [error]}, problems=[text, "cluster b: stale"])
    assert view.count(text) == 1
    assert "cluster b: stale" in view


def test_a_worker_that_waits_tells_why() -> None:
    view = shown(workers=[worker(state="waiting", pid=None, restarts=3, reason="SIGKILL")])
    assert "waits to be started again" in view
    assert "SIGKILL" in view


def test_a_snapshot_that_is_not_applied_is_told_from_one_that_is() -> None:
    assert "v3 of v4" in shown(workers=[worker(snapshot={"sent": 4, "applied": 3})])
    assert "v4" in shown(workers=[worker(snapshot={"sent": 4, "applied": 4})])


def test_latency_and_memory_have_units() -> None:
    figures = {"latency_ms": {"p50": 1.25, "p99": 130.4, "count": 9}, "rss_bytes": 30 * 2**20}
    view = shown(workers=[worker(**figures)])
    assert "1.2 ms" in view
    assert "130 ms" in view
    assert "30 MB" in view


def test_a_cluster_tells_stale_held_back_and_refused() -> None:
    view = shown(
        clusters=[
            {
                "name": "web",
                "discovery": ["nodes"],
                "stale": True,
                "age_seconds": 90.0,
                "held_back": ["a:1", "b:2"],
                "refused": [{"record": "x.json", "reason": "ip: not an address"}],
                "nodes": [{"name": "a:1"}],
            }
        ]
    )
    assert "stale, 1 min 30 s ago" in view
    assert "held back: 2 nodes" in view
    assert "refused x.json: ip: not an address" in view


MAINTENANCE = {"reason": "upgrade", "since": NOW - 60, "until": NOW + 540, "by": "alice (uid 0)"}
DAMPING = {
    "reason": "flaps: up and down too often",
    "since": NOW - 1,
    "until": NOW + 12,
    "held": 3,
}


def test_a_service_tells_its_state_and_its_checks() -> None:
    checks = [
        {
            "plugin": "http",
            "passing": False,
            "reason": "status 500",
            "checked_at": NOW - 2,
            "changed_at": NOW - 120,
        },
        {"plugin": "tcp", "reason": "no verdict for 75 s", "overdue": True},
    ]
    view = shown(
        services=[
            {"name": "web", "port": 80, "up": False, "registered": False, "checks": checks},
            {"name": "api", "port": 81, "up": None, "checks": []},
            {"name": "db", "port": 82, "up": True, "maintenance": MAINTENANCE, "registered": True},
            {"name": "old", "port": 83, "up": False, "damping": DAMPING, "checks": []},
        ]
    )
    assert "http failing: status 500 (2 s ago, as for 2 min 0 s)" in view
    assert "tcp unknown: no verdict for 75 s" in view
    assert "not known yet" in view
    assert "maintenance: upgrade, for 1 min 0 s, ends in 9 min 0 s, by alice (uid 0)" in view
    assert "held down: flaps: up and down too often, for 12 s more" in view


def test_maintenance_of_what_is_no_service_is_told_of() -> None:
    services = [{"name": "db", "port": 80}, {"name": "db", "port": 81}]
    there = [{"service": "db", "port": 80}, {"service": "db"}]
    gone = [{"service": "db", "port": 82, "reason": "moved"}, {"service": "gone"}]
    assert "no service here" not in shown(services=services, maintenance=there)
    view = shown(services=services, maintenance=[*there, *gone])
    assert view.count("no service here") == 2
    assert "moved" in view


def test_a_warning_is_no_fault() -> None:
    warning = {"file": "balancers/a.yaml", "line": 3, "column": 5, "message": "deprecated"}
    view = shown(healthy=True, supervisor={"config_warnings": [warning]})
    assert "healthy" in view
    assert "warning: balancers/a.yaml:3:5: deprecated" in view


def test_one_worker_is_shown_with_all_that_its_plugin_says() -> None:
    status = {"generation": "ab", "binds": [{"port": 80}, {"port": 81}], "drift": {"found": 2}}
    view = detailed(status=status, last_error="disk full", traceback="Traceback\n  line 1")
    assert "balancer haproxy" in view
    for lines in (
        "Last error\n  disk full\n",
        "Traceback\n  Traceback\n    line 1\n",
        "says\n  generation: ab\n  binds:\n  - port: 80\n  - port: 81\n  drift:\n    found: 2\n",
    ):
        assert lines in "\n".join(line.rstrip() for line in view.split("\n"))
    assert "Traceback" not in detailed()
    assert "discovery zk: away" in detailed(["discovery zk: away"])
    assert "nothing" in detailed()


MANY = {
    "healthy": False,
    "problems": ["discovery zk: suspended: connection refused; 50 clusters wait for it"] * 20,
    "workers": [
        worker(
            name=f"haproxy-{n}",
            healthy=True,
            restarts=n,
            pid=1234567,
            snapshot={"sent": 41234, "applied": 41233},
            latency_ms={"p50": 1.5, "p99": 12.75, "count": 9},
            rss_bytes=30 * 2**20,
            status={"running": True, "last_poll": NOW - 61.5, "share": 1 / 3, "generation": "ab"},
        )
        for n in range(4)
    ],
    "clusters": [
        {"name": f"a-cluster-{n}", "discovery": ["zk"], "age_seconds": 3.0, "known": n != 1999}
        for n in range(2000)
    ],
    "services": [{"name": "a-service-with-a-name-of-forty-characters", "port": 80, "up": True}],
}


def test_80_columns_hold_every_row_and_what_is_too_wide_stands_below_it() -> None:
    view = shown(80, **MANY).splitlines()
    assert [line for line in view if len(line) > 80] == []
    (head,) = [line for line in view if line.startswith("Worker ")]
    row = view[view.index(head) + 1]
    assert row.split()[:5] == ["balancer", "haproxy-0", "running", "1234567", "0"]
    assert "    last poll 1 min 1 s ago, share 0.3333, generation ab" in view
    long = view.index("a-service-with-a-name-of-forty-characters")
    assert view[long + 1].split() == ["80", "up", "no"]
    text = "\n".join(view)
    assert "True" not in text
    assert "p50" not in text
    assert "p50" in shown(160, **MANY)
    assert view[1].startswith("  discovery zk")


def test_a_narrow_screen_wraps_what_is_wrong_and_cuts_nothing() -> None:
    reason = "no server takes us: " + ", ".join(f"10.0.0.{n}:2181: refused" for n in range(9))
    view = shown(60, problems=[reason], workers=[worker(state="waiting", reason=reason)])
    assert all(len(line) <= 60 for line in view.splitlines())
    assert view.count("10.0.0.8:2181: refused") == 2


def test_times_are_told_as_times() -> None:
    view = detailed(status={"last_poll": NOW - 5.5, "deep": [{"next": NOW + 60.0}], "size": 7.5})
    assert "(5 s ago)" in view
    assert "(in 1 min 0 s)" in view
    assert "size: 7.5" in view
    assert str(int(NOW)) not in view


def test_the_last_error_of_a_worker_that_is_well_again_is_told_with_its_time() -> None:
    well = worker(last_error="disk full", last_error_at=NOW - 90.0)
    assert "last error, 1 min 30 s ago: disk full" in shown(workers=[well])


def test_foreign_text_cannot_style_or_move() -> None:
    hostile = "[red]x[/red] \x1b[2J \r\n \u202e"
    view = shown(workers=[worker(name=hostile, reason=hostile)], problems=[hostile])
    assert view.count("[red]x[/red] \\x1b[2J \\r\\n \\u202e") == 3
    assert not set("\x1b\r\u202e") & set(view)
    view = detailed(last_error=hostile, traceback=hostile, status={hostile: [hostile]})
    assert view.count("[red]x[/red] \\x1b[2J") == 3
    assert view.count("[red]x[/red] \\e[2J") == 2
    assert not set("\x1b\r\u202e") & set(view)


@given(st.text())
def test_plain_text_is_printable(text: str) -> None:
    assert plain(text).isprintable()


@given(st.text(alphabet=st.characters(categories=("L", "N", "P"))))
def test_printable_text_is_unchanged(text: str) -> None:
    assert plain(text) == text


def test_a_cluster_of_which_there_is_no_record_gets_a_hint() -> None:
    source = {"discovery": "zk", "answered": True, "nodes": 0}
    view = shown(
        clusters=[
            {"name": "web", "looked_up": "webb", "changed_at": NOW - 90, "sources": [source]}
        ]
    )
    assert "zk has nothing under the name webb" in view
    assert "1 min 30 s ago" in view
