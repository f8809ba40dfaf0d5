"""Maintenance as a logbook of statements, and who is told what of it."""

from pathlib import Path
from typing import Any

import pytest

from lighthouse.config.schema.types import Config, ServiceFile
from lighthouse.ipc.control import BeginMaintenance
from lighthouse.registration.identity import HostIdentity
from lighthouse.registration.maintenance import KEPT, Logbook, Maintenance, unknown
from lighthouse.supervisor.registrar import Registrar
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store

WEB = {"web": {80, 81}, "db": {5432}}


def book(*statements: Any) -> Logbook:
    return Logbook(statements)


def out(logbook: Logbook) -> list[Any]:
    return sorted((n, p) for n, ports in WEB.items() for p in ports if logbook.of(n, p))


@pytest.mark.parametrize(
    ("begun", "ended", "left"),
    [
        ([("web", None)], None, [("web", 80), ("web", 81)]),
        ([("web", 80)], None, [("web", 80)]),
        ([("web", None)], ("web", None), []),
        ([("web", None), ("web", 80)], ("web", None), []),
        ([("web", None)], ("web", 80), [("web", 81)]),
        ([("web", None), ("web", 80)], ("web", 80), [("web", 81)]),
        ([("web", 80)], ("web", 81), [("web", 80)]),
        ([("web", 80), ("db", None)], ("web", 80), [("db", 5432)]),
    ],
)
def test_what_is_out(
    begun: list[tuple[Any, ...]],
    ended: tuple[str, int | None] | None,
    left: list[Any],
) -> None:
    logbook = book()
    for service, port in begun:
        logbook.begin(Maintenance(service, port, since=1.0))
    if ended is not None:
        assert logbook.end(*ended, WEB[ended[0]]) == ((ended[0], ended[1]) != ("web", 81))
    assert out(logbook) == left


def test_a_port_that_a_service_gets_later_is_out_too() -> None:
    logbook = book(Maintenance("web", None, since=1.0))
    assert logbook.of("web", 9999) is not None
    assert logbook.of("other", 80) is None


def test_said_again_the_newest_counts_but_for_the_time_it_began() -> None:
    logbook = book()
    logbook.begin(Maintenance("web", None, since=1.0, reason="a", until=10.0, by="x"))
    logbook.begin(Maintenance("web", None, since=2.0, reason="b", by="y"))
    assert logbook.all() == (Maintenance("web", None, since=1.0, reason="b", by="y"),)


def test_it_is_over_at_its_end() -> None:
    logbook = book(Maintenance("web", None, 1.0, until=10.0), Maintenance("db", None, 1.0))
    assert logbook.next_end() == 10.0
    assert logbook.pass_time(WEB, 9.9) == []
    assert [one.service for one in logbook.pass_time(WEB, 10.0)] == ["web"]
    assert out(logbook) == [("db", 5432)]
    assert logbook.next_end() is None


def test_it_outlives_its_service_for_a_while() -> None:
    logbook = book(Maintenance("web", None, 1.0))
    logbook.pass_time({}, 100.0)
    logbook.pass_time({}, 100.0 + KEPT - 1)
    assert len(logbook.all()) == 1
    logbook.pass_time(WEB, 100.0 + KEPT - 1)  # it came back: the time begins anew
    logbook.pass_time({}, 200.0 + KEPT)
    assert len(logbook.all()) == 1
    assert len(logbook.pass_time({}, 200.0 + 2 * KEPT)) == 1
    assert logbook.all() == ()


@pytest.mark.parametrize(
    ("service", "port", "words"),
    [
        ("web", None, ""),
        ("web", 81, ""),
        ("wbe", None, "no service wbe; there are: db, web"),
        ("web", 82, "service web has no port 82; it has: 80, 81"),
    ],
)
def test_a_mistake_is_told_with_what_there_is(service: str, port: int | None, words: str) -> None:
    assert unknown(service, port, WEB) == words
    assert unknown("web", None, {}) == "no service web; there are: none"


@pytest.mark.parametrize("until", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(tmp_path: Path, until: float) -> None:
    service = ServiceFile("web", "::1", (1,), (), None, 1, {}, (), "services/web.yaml")
    state = State(Config(services={"web": service}), HostIdentity("here", "10.0.0.1"), {})
    upkeep = Registrar(state, Store(tmp_path))
    answer = upkeep.maintain(BeginMaintenance("web", until=until), 0, 0.0)
    assert (answer.error, state.services.maintenance.all()) == (f"{until} is no time", ())
