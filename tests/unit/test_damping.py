"""Flap damping as tables of moments, and what holds for every row of them."""

import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.config.schema.types import DampingPolicy
from lighthouse.node import Node
from lighthouse.registration.damping import CHANGES, Bucket, DampingState, judge
from lighthouse.service import Service

LIMIT = DampingPolicy(burst=2, every=10.0)


def service(weight: int = 1, ip: str = "10.0.0.1", **metadata: Any) -> Service:
    return Service("web", 80, Node("here", ip, 80, weight, metadata))


def story(*moments: Any, limit: Any = LIMIT) -> list[DampingState]:
    """The standing after each (time, passing)."""
    standing, found = DampingState(), []
    for now, passing in moments:
        standing = judge(standing, passing, service(), limit, now)
        found.append(standing)
    return found


def flapped() -> DampingState:
    """Back up at 2 and 4, and well again at 6."""
    return story(*((at, at % 2 == 0) for at in range(7)))[-1]


STORIES = [
    # the checks at each second, and what is reported
    ("the first report is free, however late", "--+", [None, None, True]),
    ("also after failures", ".-.+", [False, False, False, True]),
    ("down is at once, two returns too", "+.+.+", [True, False, True, False, True]),
    ("the third return waits", "+.+.+.+", [True, False, True, False, True, False, False]),
    ("and a failure meanwhile costs nothing", "+.+.+.+.+", [True, False] * 3 + [False] * 3),
    ("nobody knows is no failure", "+-+-+-+-+", [True] * 9),
]


@pytest.mark.parametrize(
    ("checks", "reported"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES]
)
def test_what_is_reported_second_by_second(checks: str, reported: list[bool | None]) -> None:
    passing = {"+": True, ".": False, "-": None}
    found = story(*((float(at), passing[check]) for at, check in enumerate(checks)))
    assert [standing.up for standing in found] == reported


def test_a_return_that_waits_is_due_when_a_token_is_back() -> None:
    held = flapped()
    assert (held.up, held.holding, held.held, held.held_since) == (False, True, 1, 6)
    assert held.due(LIMIT) == pytest.approx(12.0)  # the first token was taken at 2
    assert judge(held, True, service(), LIMIT, 11.9).up is False
    after = judge(held, True, service(), LIMIT, 12.0)
    assert (after.up, after.held_since, after.due(LIMIT)) == (True, None, None)


def test_one_row_of_flaps_is_one_event_that_ends_when_it_is_up() -> None:
    flaps = [(0, True)] + [(at, at % 2 == 0) for at in range(1, 12)]
    found = story(*flaps)
    began = [b for a, b in pairwise(found) if a.held_since is None is not b.held_since]
    assert len(began) == 1
    assert found[-1].held == 3
    assert found[-1].due(LIMIT) is None  # its checks fail just now
    after = judge(found[-1], True, service(), LIMIT, 60.0)
    assert (after.up, after.held_since, after.held) == (True, None, 3)


def test_looking_again_counts_nothing() -> None:
    held = flapped()
    assert judge(held, True, service(), LIMIT, 7.0) == held


def test_without_damping_every_return_is_reported() -> None:
    found = story(*((float(at), at % 2 == 0) for at in range(100)), limit=None)
    assert [standing.up for standing in found] == [True, False] * 50


def test_damping_that_is_switched_off_lets_go_at_once() -> None:
    held = flapped()
    assert judge(held, True, service(), None, 6.1).up is True


def test_another_pace_counts_at_once() -> None:
    slow, fast = DampingPolicy(1, 3600.0), DampingPolicy(1, 5.0)
    *_, held = story((0, True), (1, False), (2, True), (3, False), (4, True), limit=slow)
    assert held.due(slow) == pytest.approx(3602.0)
    assert held.due(fast) == pytest.approx(7.0)
    assert judge(held, True, service(), fast, 7.0).up is True


def test_changes_are_made_at_once_until_the_budget_is_spent_and_then_the_newest_wins() -> None:
    standing = judge(DampingState(), True, service(lag=0), LIMIT, 0.0)
    for lag in range(1, CHANGES.burst + 1):
        standing = judge(standing, True, service(lag=lag), LIMIT, 0.1)
        assert standing.published == service(lag=lag)
    for lag in range(100, 105):
        standing = judge(standing, True, service(lag=lag), LIMIT, 0.2)
        assert standing.published == service(lag=CHANGES.burst)
    assert (standing.changes_held, standing.up) == (5, True)
    assert standing.due(LIMIT) == pytest.approx(1.1)
    standing = judge(standing, True, service(lag=104), LIMIT, 1.1)
    assert (standing.published, standing.waiting) == (service(lag=104), None)


def test_a_change_that_is_taken_back_waits_no_more() -> None:
    standing = judge(DampingState(), True, service(), LIMIT, 0.0)
    spent = msgspec.structs.replace(standing, changes=Bucket(CHANGES.burst))
    waiting = judge(spent, True, service(5), LIMIT, 0.5)
    assert waiting.waiting == service(5)
    back = judge(waiting, True, service(), LIMIT, 0.6)
    assert (back.waiting, back.published, back.due(LIMIT)) == (None, service(), None)
    unsure = judge(waiting, None, service(5), LIMIT, 0.6)
    assert (unsure.published, unsure.due(LIMIT)) == (service(), None)
    assert judge(unsure, True, service(6), LIMIT, 1.5).published == service(6)


def test_another_node_is_no_change_that_could_wait() -> None:
    standing = judge(DampingState(), True, service(), LIMIT, 0.0)
    spent = msgspec.structs.replace(standing, changes=Bucket(1e6, 0.0))
    assert judge(spent, True, service(ip="10.0.0.2"), LIMIT, 1.0).published.node.ip == "10.0.0.2"


def test_a_return_publishes_what_is_true_by_then() -> None:
    *_, down = story((0, True), (1, False))
    assert judge(down, True, service(9), LIMIT, 2.0).published == service(9)


CHECKS = st.lists(
    st.tuples(st.floats(0.01, 30), st.sampled_from([True, False, None])), max_size=80
)
LIMITS = st.builds(DampingPolicy, st.integers(1, 5), st.floats(0.1, 60))


@given(CHECKS, LIMITS)
def test_down_is_never_delayed_and_returns_keep_to_their_budget(
    checks: list[tuple[float, bool]], limit: DampingPolicy
) -> None:
    standing, now, returns = DampingState(), 0.0, []
    for wait, passing in checks:
        now += wait
        before, standing = standing, judge(standing, passing, service(), limit, now)
        if passing is False:
            assert standing.up is False
        if passing is None:
            assert standing.up == before.up
        if before.up is False and standing.up and before.published is not None:
            returns.append(now)
    for first, start in enumerate(returns):
        for last in range(first, len(returns)):
            allowed = limit.burst + (returns[last] - start) / limit.every
            assert last - first + 1 <= math.floor(allowed + 1e-6) or last == first


@given(CHECKS, LIMITS)
def test_what_is_held_is_let_go_when_it_says_so(
    checks: list[tuple[float, bool]], limit: DampingPolicy
) -> None:
    standing, now = DampingState(), 0.0
    for wait, passing in checks:
        now += wait
        standing = judge(standing, passing, service(), limit, now)
        due = standing.due(limit)
        assert (due is not None) == standing.holding
        if due is not None:
            assert now < due <= now + limit.every + 1e-6
            assert judge(standing, True, service(), limit, due).up is True
