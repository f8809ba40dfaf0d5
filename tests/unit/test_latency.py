"""How long changes took, and where that time went."""

from lighthouse.process.timing.histogram import BOUNDS, Histogram
from lighthouse.supervisor.pool.cost.latency import Latency


def test_a_duration_is_counted_in_the_bucket_that_ends_above_it() -> None:
    histogram = Histogram()
    for seconds in (-0.001, 0.0005, 0.0006, 0.1, 29.0, 31.0):
        histogram.add(seconds)
    found = dict(zip((*BOUNDS, None), histogram.counts, strict=True))
    assert {bound: n for bound, n in found.items() if n} == {
        0.0005: 2,
        0.001: 1,
        0.1: 1,
        30.0: 1,
        None: 1,
    }
    assert histogram.sum == 0.0 + 0.0005 + 0.0006 + 0.1 + 29.0 + 31.0


def test_each_stage_of_a_change_counts_and_together_they_are_the_total() -> None:
    latency = Latency()
    latency.observed(10.0, 10.25)
    latency.observed(10.5, 10.75)
    latency.sent(11.0)
    latency.applied(12.0)
    sums = {stage: histogram.sum for stage, histogram in latency.stages.items()}
    assert sums == {"observed": 0.5, "supervisor": 1.0, "applied": 2.0, "total": 3.5}
    assert {sum(one.counts) for one in latency.stages.values()} == {2}


def test_what_was_sent_to_a_process_that_ended_is_measured_with_the_next() -> None:
    latency = Latency()
    latency.observed(1.0, 1.0)
    latency.sent(2.0)
    latency.lost()
    latency.sent(5.0)
    latency.applied(6.0)
    assert latency.stages["supervisor"].sum == 4.0
    assert latency.figures().count == 1
