"""Lag is published coarsely and steadily, and never as less than it is."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.lag import WINDOW, Peak, rounded


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-3, 0),
        (0, 0),
        (0.2, 1),
        (1, 1),
        (1.5, 2),
        (3, 5),
        (5, 5),
        (6, 10),
        (10, 10),
        (11, 20),
        (999, 1000),
        (1001, 2000),
        (16 * 2**20, 20_000_000),
        (50_000_001, 100_000_000),
    ],
)
def test_rounded(value: float, expected: int) -> None:
    assert rounded(value) == expected


@given(st.integers(min_value=1, max_value=2**62))
def test_rounded_is_never_less_and_at_most_two_and_a_half_times_as_much(value: int) -> None:
    found = rounded(value)
    assert value <= found <= 2.5 * value or (value, found) == (1, 1)
    assert rounded(found) == found
    assert str(found).rstrip("0") in ("1", "2", "5")


def test_a_peak_rises_at_once_and_falls_late() -> None:
    peak = Peak()
    assert peak.take(0, 100.0) == 0
    assert peak.take(900, 101.0) == 1000
    assert peak.take(0, 102.0) == 1000
    assert peak.take(30, 110.0) == 1000
    assert peak.take(0, 101.0 + WINDOW) == 1000
    assert peak.take(0, 101.5 + WINDOW) == 50
    assert peak.take(0, 110.5 + WINDOW) == 0


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=200))
def test_a_peak_is_the_highest_of_its_window(values: list[int]) -> None:
    peak = Peak()
    for index, value in enumerate(values):
        found = peak.take(value, float(index))
        assert found == max(map(rounded, values[max(0, index - int(WINDOW)) : index + 1]))


def test_what_jitters_changes_what_is_published_seldom() -> None:
    peak, jitter = Peak(), random.Random(1)
    published = [
        peak.take(jitter.choice((0, 0, 800, 24_000)), index * 1.0) for index in range(600)
    ]
    changes = sum(before != after for before, after in itertools.pairwise(published))
    assert changes <= 2 * 600 / WINDOW
