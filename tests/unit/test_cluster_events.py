"""What happens to many clusters at once is one line of the log."""

import logging

from lighthouse.membership.events import ClusterEvent, lines

WAITS = "no source has answered yet"


def test_the_same_of_many_is_one_line_and_the_rest_keeps_its_order() -> None:
    waiting = [ClusterEvent(logging.WARNING, f"c{n}", WAITS) for n in range(50)]
    other = ClusterEvent(logging.INFO, "c1", "has nodes of its own again")
    assert lines([waiting[0], other, *waiting[1:]]) == [
        (logging.WARNING, f"50 clusters (c0, c1, c2 and 47 more): {WAITS}"),
        (logging.INFO, "cluster c1: has nodes of its own again"),
    ]


def test_what_happens_twice_to_one_is_told_once() -> None:
    one = ClusterEvent(logging.INFO, "web", WAITS)
    assert lines([one, one]) == [(logging.INFO, f"cluster web: {WAITS}")]
    assert lines([]) == []
