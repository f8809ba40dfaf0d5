"""Outcomes: what of them a plugin that looks every second need not say."""

import pytest

from lighthouse.balancer import APPLIED, UNCHANGED, Finding, Outcome

WARNED = (Finding((), "a warning", warning=True),)
HELD = Outcome("held", "min_interval")


@pytest.mark.parametrize(
    ("last", "now", "repeats"),
    [
        (UNCHANGED, UNCHANGED, True),
        (APPLIED, UNCHANGED, True),
        (APPLIED, APPLIED, True),
        (UNCHANGED, APPLIED, False),
        (HELD, HELD, True),
        (HELD, UNCHANGED, False),
        (Outcome("failed", "a"), Outcome("failed", "b"), False),
        (Outcome("failed", "a"), UNCHANGED, False),
        (Outcome("applied", "", WARNED), Outcome("unchanged", "", WARNED), True),
        (Outcome("applied", "", WARNED), UNCHANGED, False),
        (Outcome("unchanged", "", WARNED), UNCHANGED, False),
        (APPLIED, Outcome("unchanged", "", WARNED), False),
    ],
)
def test_only_news_is_told(last: Outcome, now: Outcome, repeats: bool) -> None:
    assert now.repeats(last) is repeats
