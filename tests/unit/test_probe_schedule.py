"""What is due, and when the next is."""

import pytest

from lighthouse.check import Check
from lighthouse.service import Probe
from lighthouse.workers.probes.probe import Probing
from lighthouse.workers.probes.schedule import ProbeSchedule


class Timed(Probing):
    """A probe whose next moment the test sets."""

    def __init__(self, name: str, at: float) -> None:
        probe = Probe(name, "127.0.0.1", 1, {})
        super().__init__(Check, probe, lambda performance: None, None)
        self.at = at

    def next_at(self) -> float:
        return self.at


@pytest.fixture
def probes() -> list[Timed]:
    return [Timed(f"p{at}", float(at)) for at in (3, 1, 2)]


@pytest.fixture
def schedule(probes: list[Timed]) -> ProbeSchedule:
    schedule = ProbeSchedule()
    for probe in probes:
        schedule.plan(probe)
    return schedule


def names(schedule: ProbeSchedule, now: float) -> list[str]:
    return [probing.probe.service for probing in schedule.take(now)]


def test_the_first_comes_first(schedule: ProbeSchedule) -> None:
    assert schedule.next_at() == 1.0
    assert names(schedule, 0.9) == []
    assert names(schedule, 2.0) == ["p1", "p2"]
    assert schedule.next_at() == 3.0
    assert names(schedule, 9.0) == ["p3"]
    assert schedule.next_at() == float("inf")


def test_a_moment_that_was_put_off_or_dropped_does_not_count(
    schedule: ProbeSchedule, probes: list[Timed]
) -> None:
    last, first, _ = probes
    first.at = 8.0
    schedule.plan(first)
    schedule.drop(last)
    assert names(schedule, 7.0) == ["p2"]
    assert schedule.next_at() == 8.0
    first.at = 4.0
    schedule.plan(first)
    assert names(schedule, 4.0) == ["p1"]
    assert names(schedule, 99.0) == []


def test_one_that_is_planned_again_while_it_is_due_is_taken_again_later(
    schedule: ProbeSchedule,
) -> None:
    for round_ in range(3):
        taken = []
        for probing in schedule.take(3.0 + round_):
            assert isinstance(probing, Timed)
            probing.at = 3.5 + round_
            schedule.plan(probing)
            taken.append(probing)
        assert len(taken) == 3
