"""What is counted of a worker: its ends, the time that changes take, what is nearly too much."""

import signal
from pathlib import Path

import pytest

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.supervisor.pool.cost.budget import (
    BUSY_FOR,
    CpuShare,
    ResourceUse,
    WorkerBudget,
    near,
)
from lighthouse.supervisor.pool.cost.latency import Latency
from lighthouse.supervisor.pool.cost.memory_kills import MemoryKills
from lighthouse.supervisor.pool.cost.record import WorkerRecord
from lighthouse.supervisor.pool.life.ending import ending_of, signal_name
from lighthouse.supervisor.pool.life.lifecycle import Ending, Lifecycle

KILL, SEGV, TERM = -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGTERM


@pytest.mark.parametrize(
    ("status", "starved", "ending"),
    [
        (0, None, "exited"),
        (1, True, "exited"),
        (SEGV, None, "crashed"),
        (SEGV, True, "crashed"),
        (TERM, True, "killed"),
        (KILL, None, "killed"),
        (KILL, False, "killed"),
        (KILL, True, "starved"),
    ],
)
def test_what_an_exit_status_tells(status: int, starved: bool | None, ending: Ending) -> None:
    assert ending_of(status, starved) == ending


def test_a_signal_has_a_name_even_if_nobody_gave_it_one() -> None:
    assert [signal_name(s) for s in (None, 0, 3, SEGV)] == ["", "", "", "SIGSEGV"]
    assert signal_name(-40) == "signal 40"


def test_only_ends_that_are_not_for_good_are_counted() -> None:
    record = WorkerRecord()
    record.ended(Lifecycle("waiting", ending="crashed"), SEGV)
    record.ended(Lifecycle("waiting", ending="unstarted"), None)
    record.ended(Lifecycle("stopped", wanted=False), TERM)
    assert record.ends == {"crashed": 1, "unstarted": 1}
    assert record.last is not None
    assert (record.last.reason, record.last.signal) == ("stopped", "SIGTERM")


def test_what_is_under_way_when_a_worker_is_paused_is_not_measured() -> None:
    latency = Latency()
    latency.observed(1.0, 1.5)
    latency.forget()
    latency.sent(2.0)
    latency.applied(2.5)
    assert latency.figures().count == 0


MAY = WorkerSettings(memory=100 << 20, threads=20)


def test_what_comes_near_to_a_budget_is_said_until_it_is_clear_of_it() -> None:
    assert near(ResourceUse(79 << 20, 15), MAY, 1000) == {}
    found = near(ResourceUse(80 << 20, 16), MAY, 1000)
    assert found["threads"] == "has 16 threads, near its budget of 20"
    assert "80 MiB, near its budget of 100 MiB" in found["memory"]
    assert near(ResourceUse(75 << 20, 15), MAY, 1000, found).keys() == {"memory", "threads"}
    assert near(ResourceUse(69 << 20, 13), MAY, 1000, found) == {}
    assert "threads" not in near(ResourceUse(0, 21), MAY, 1000)  # that is too much already


def test_a_worker_that_never_rests_is_said() -> None:
    budget = WorkerBudget(MAY)
    for second in range(BUSY_FOR + 1):
        assert not budget.near
        assert budget.judge(ResourceUse(cpu=second * 0.97), float(second)) == ""
    assert budget.near == {
        "processor": f"has taken 97% of a processor for {BUSY_FOR} s: it may turn in a loop"
    }
    budget.judge(ResourceUse(cpu=1.0), 200.0)  # another process
    assert budget.near == {}


def test_a_share_of_the_processor_is_of_the_last_seconds() -> None:
    share = CpuShare()
    assert share.over() is None
    for second in range(40):
        share.look(float(second), 0.0 if second < 30 else (second - 29) * 0.5)
    assert share.over() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("before", "after", "recent"),
    [
        ("low 0\noom 1\noom_kill 3\n", "low 0\noom 2\noom_kill 4\n", True),
        ("oom_kill_disable 0\noom_kill 3\n", "oom_kill_disable 0\noom_kill 3\n", False),
        ("nothing\n", "nothing\n", None),
    ],
)
def test_the_kernels_count_tells_whether_memory_ran_out(
    tmp_path: Path, before: str, after: str, recent: bool | None
) -> None:
    events = tmp_path / "memory.events"
    events.write_text(before)
    kills = MemoryKills((tmp_path / "absent", events))
    kills.look()
    events.write_text(after)
    kills.look()  # it may have been counted before the end was noticed
    assert kills.recent() is recent


def test_this_host_counts_or_says_that_it_does_not() -> None:
    assert MemoryKills().recent() in (False, None)
