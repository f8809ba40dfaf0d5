"""What is believed of one cluster, and when it is asked for again."""

from typing import Any

import pytest

from lighthouse.dns.answer import SrvRecord
from lighthouse.dns.lookup import LookupResult, TargetAddresses
from lighthouse.dns.name_state import NameState, Pace
from lighthouse.dns.settings import Query

QUERY = Query("_web._tcp.x", True, 0, "any")
A, B = SrvRecord(0, 1, 80, "a"), SrvRecord(0, 1, 80, "b")
NOTHING = LookupResult(10, missing="NXDOMAIN for _web._tcp.x")
FAILED = TargetAddresses(error="SERVFAIL")
GONE = TargetAddresses(ttl=10, missing="NXDOMAIN for b")


def found(ttl: int = 10, **targets: TargetAddresses) -> LookupResult:
    chosen = tuple(service for service in (A, B) if service.target in targets)
    return LookupResult(ttl, services=chosen, targets=targets)


def at(address: str) -> TargetAddresses:
    return TargetAddresses((address,), 10)


@pytest.fixture
def state() -> NameState:
    return NameState(QUERY, Pace(5, 60), 0.0)


def nodes(reading: Any) -> list[str] | None:
    return None if reading is None else [node.ip for node in reading.nodes]


@pytest.mark.parametrize(
    ("ttl", "due"), [(0, (5, 5.5)), (10, (10, 11)), (60, (60, 66)), (86400, (60, 66))]
)
def test_the_next_query_comes_when_the_ttl_ends(
    state: NameState, ttl: int, due: tuple[float, float]
) -> None:
    for chance, expected in zip((0.0, 1.0), due, strict=True):
        state.take(found(ttl, a=at("10.0.0.1")), 100.0, chance)
        assert state.due == pytest.approx(100 + expected)


def test_failures_are_retried_ever_more_slowly_for_ever(state: NameState) -> None:
    state.take(found(a=at("10.0.0.1")), 0.0, 0.0)
    waits = []
    for _ in range(2000):
        state.fail("silent", 0.0, 0.0)
        waits.append(state.due)
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert waits[-1] == 60
    assert (state.failing, state.error) == (True, "silent")
    assert nodes(state.reading) == ["10.0.0.1"]
    state.take(found(a=at("10.0.0.1")), 0.0, 0.0)
    assert (state.failing, state.error, state.due) == (False, "", 10)


def test_nothing_is_believed_when_it_is_confirmed_or_said_again_later(state: NameState) -> None:
    assert nodes(state.take(found(a=at("10.0.0.1")), 0.0, 0.0)) == ["10.0.0.1"]
    assert state.take(NOTHING, 10.0, 0.0) is None
    assert state.take(NOTHING, 14.9, 0.0) is None  # asked for too early to count
    assert state.due == pytest.approx(24.9)
    assert nodes(state.take(NOTHING, 15.0, 0.0)) == []
    assert nodes(state.take(NOTHING, 16.0, 0.0)) == []
    fresh = NameState(QUERY, Pace(5, 60), 0.0)
    assert fresh.take(NOTHING, 0.0, 0.0) is None
    confirmed = LookupResult(10, missing="NXDOMAIN", confirmed=True)
    assert nodes(fresh.take(confirmed, 0.1, 0.0)) == []


def test_a_doubt_ends_with_the_next_records(state: NameState) -> None:
    for moment in (0.0, 20.0, 40.0):
        assert nodes(state.take(found(a=at("10.0.0.1")), moment, 0.0)) == ["10.0.0.1"]
        assert state.take(NOTHING, moment + 10, 0.0) is None


def test_an_error_between_two_negative_answers_ends_no_doubt(state: NameState) -> None:
    state.take(found(a=at("10.0.0.1")), 0.0, 0.0)
    state.take(NOTHING, 10.0, 0.0)
    state.fail("silent", 15.0, 0.0)
    assert nodes(state.take(NOTHING, 20.0, 0.0)) == []


def test_a_target_that_fails_keeps_its_addresses_and_one_that_is_gone_loses_them(
    state: NameState,
) -> None:
    state.take(found(a=at("10.0.0.1"), b=at("10.0.0.2")), 0.0, 0.0)
    reading = state.take(found(a=at("10.0.0.9"), b=FAILED), 10.0, 0.0)
    assert nodes(reading) == ["10.0.0.9", "10.0.0.2"]
    assert (state.error, state.failing, state.due) == ("SERVFAIL", False, 11)
    assert nodes(state.take(found(a=at("10.0.0.9"), b=GONE), 20.0, 0.0)) == [
        "10.0.0.9",
        "10.0.0.2",
    ]
    reading = state.take(found(a=at("10.0.0.9"), b=GONE), 30.0, 0.0)
    assert nodes(reading) == ["10.0.0.9"]
    assert reading is not None
    assert [(r.record, r.reason) for r in reading.refused] == [("b:80", "NXDOMAIN for b")]


def test_a_failing_target_never_makes_the_cluster_slower_than_its_ttl(state: NameState) -> None:
    state.take(found(a=at("10.0.0.1"), b=at("10.0.0.2")), 0.0, 0.0)
    for _ in range(10):
        state.take(found(a=at("10.0.0.1"), b=FAILED), 0.0, 1.0)
    assert state.due == 10


def test_a_first_reading_waits_for_open_targets_three_times(state: NameState) -> None:
    answer = found(a=at("10.0.0.1"), b=FAILED)
    assert state.take(answer, 0.0, 0.0) is None
    assert state.take(answer, 1.0, 0.0) is None
    reading = state.take(answer, 3.0, 0.0)
    assert nodes(reading) == ["10.0.0.1"]
    assert reading is not None
    assert [refusal.record for refusal in reading.refused] == ["b:80"]


def test_that_all_targets_fail_is_never_an_empty_cluster(state: NameState) -> None:
    for moment in range(10):
        assert state.take(found(a=FAILED, b=FAILED), moment * 10.0, 0.0) is None
    gone = TargetAddresses(ttl=10, missing="NXDOMAIN for a", confirmed=True)
    assert state.take(found(a=gone, b=FAILED), 100.0, 0.0) is None
    assert nodes(state.take(found(a=gone, b=gone), 110.0, 0.0)) == []


def test_what_was_known_of_a_target_is_forgotten_with_its_record(state: NameState) -> None:
    state.take(found(a=at("10.0.0.1"), b=at("10.0.0.2")), 0.0, 0.0)
    state.take(found(a=at("10.0.0.1")), 10.0, 0.0)
    assert nodes(state.take(found(a=at("10.0.0.1"), b=FAILED), 20.0, 0.0)) == ["10.0.0.1"]
