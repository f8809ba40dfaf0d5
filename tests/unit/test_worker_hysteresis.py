"""Rise and fall as a table, and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.workers.probes.probe import Streak, step


def run(start: bool | None, results: str, rise: int, fall: int) -> str:
    """The verdict after each result: ``+`` passing, ``-`` not, ``?`` undecided."""
    standing = Streak(start)
    said = ""
    for result in results:
        standing = step(standing, result == "+", rise, fall)
        said += {True: "+", False: "-", None: "?"}[standing.passing]
    return said


@pytest.mark.parametrize(
    ("start", "rise", "fall", "results", "verdicts"),
    [
        (None, 1, 1, "+-+-", "+-+-"),
        (None, 2, 3, "+", "?"),
        (None, 2, 3, "++", "?+"),
        (None, 2, 3, "+-+-++", "?????+"),
        (None, 2, 3, "---", "??-"),
        (None, 2, 3, "--+---", "?????-"),
        (True, 2, 3, "--+--+---", "++++++++-"),
        (False, 2, 3, "+-+-++", "-----+"),
        (True, 5, 1, "-++++-+++++", "----------+"),
        (None, 0, 0, "+-", "+-"),
    ],
)
def test_table(start: bool | None, rise: int, fall: int, results: str, verdicts: str) -> None:
    assert run(start, results, rise, fall) == verdicts


limits = st.integers(1, 5)
histories = st.text("+-", min_size=1, max_size=40)


@given(st.sampled_from([None, True, False]), limits, limits, histories)
def test_a_verdict_changes_only_after_enough_results_in_a_row(
    start: bool | None, rise: int, fall: int, results: str
) -> None:
    before = {True: "+", False: "-", None: "?"}[start]
    for index, verdict in enumerate(run(start, results, rise, fall)):
        if verdict != before:
            needed = rise if verdict == "+" else fall
            assert results[: index + 1].endswith(verdict * needed)
        before = verdict


@given(st.sampled_from([None, True, False]), limits, limits, histories)
def test_enough_results_in_a_row_always_decide(
    start: bool | None, rise: int, fall: int, results: str
) -> None:
    assert run(start, results + "+" * rise, rise, fall)[-1] == "+"
    assert run(start, results + "-" * fall, rise, fall)[-1] == "-"
