"""A worker's life, as a table: no process is started here."""

from typing import Any

import msgspec
import pytest

from lighthouse.supervisor.pool.life.lifecycle import (
    KILL_AFTER,
    TRACED_WITHIN,
    Became,
    Due,
    Exited,
    Heard,
    Lifecycle,
    LifecycleLimits,
    Overstepped,
    Stalled,
    Unwanted,
    step,
    unsettled,
)

LIMITS = LifecycleLimits(start=15.0, stop=5.0)

WAITING = Lifecycle()
STARTING = Lifecycle(state="starting", since=0.0, deadline=15.0, starts=1)
RUNNING = Lifecycle(state="running", since=1.0, deadline=11.0, running_since=1.0, starts=1)
STOPPING = Lifecycle(state="stopping", since=9.0, deadline=10.0, starts=1, reason="hung")
TRACED = msgspec.structs.replace(STOPPING, traced=True)
LEAVING = Lifecycle(state="stopping", since=9.0, deadline=14.0, wanted=False, starts=1)
LATE = msgspec.structs.replace(LEAVING, deadline=14.3, traced=True, reason="late")
KILLED = msgspec.structs.replace(LATE, deadline=15.3, traced=False)

STEPS = [
    # life, event, now, state, action, deadline
    (WAITING, Due(), 0.0, "starting", "spawn", 15.0),
    (WAITING, Unwanted(), 0.0, "stopped", None, None),
    (STARTING, Due(), 14.9, "starting", None, 15.0),
    (STARTING, Due(), 15.0, "stopping", "trace", 15.0 + TRACED_WITHIN),
    (STARTING, Became(20.0), 1.0, "running", None, 20.0),
    (STARTING, Unwanted(), 1.0, "stopping", "term", 1.0 + KILL_AFTER),
    (STARTING, Exited("exited with status 1"), 1.0, "waiting", None, 1.0),
    (RUNNING, Heard(30.0, "its sync"), 2.0, "running", None, 30.0),
    (RUNNING, Due(), 11.0, "stopping", "trace", 11.0 + TRACED_WITHIN),
    (RUNNING, Overstepped("leaks"), 5.0, "stopping", "term", 5.0 + KILL_AFTER),
    (RUNNING, Unwanted(), 5.0, "stopping", "ask", 10.0),
    (RUNNING, Unwanted(at_once=True), 5.0, "stopping", "term", 5.0 + KILL_AFTER),
    (RUNNING, Exited("killed by SIGKILL"), 5.0, "waiting", None, 5.0),
    (TRACED, Due(), 10.0, "stopping", "term", 10.0 + KILL_AFTER),
    (TRACED, Exited("killed by SIGTERM"), 9.5, "waiting", None, 9.5),
    (STOPPING, Due(), 10.0, "stopping", "kill", 10.0 + KILL_AFTER),
    (STOPPING, Heard(30.0, "its sync"), 9.5, "stopping", None, 10.0),
    (STOPPING, Exited("killed by SIGTERM"), 9.5, "waiting", None, 9.5),
    (STOPPING, Unwanted(), 9.5, "stopping", None, 10.0),
    (LEAVING, Exited("exited with status 0"), 9.5, "stopped", None, None),
    (LEAVING, Due(), 13.9, "stopping", None, 14.0),
    (LEAVING, Due(), 14.0, "stopping", "trace", 14.0 + TRACED_WITHIN),
    (LATE, Due(), 14.3, "stopping", "kill", 14.3 + KILL_AFTER),
    (KILLED, Due(), 15.3, "stopping", "kill", 15.3 + KILL_AFTER),
    (WAITING, Stalled(15.0), 15.0, "waiting", None, 0.0),
    (STARTING, Stalled(15.0), 15.0, "starting", None, 30.0),
    (RUNNING, Stalled(15.0), 17.0, "running", None, 26.0),
    (LEAVING, Stalled(15.0), 25.0, "stopping", None, 29.0),
]


@pytest.mark.parametrize(("life", "event", "now", "state", "action", "deadline"), STEPS)
def test_steps(
    life: Lifecycle,
    event: Any,
    now: float,
    state: str,
    action: str | None,
    deadline: float | None,
) -> None:
    after, done = step(life, event, now, LIMITS)
    assert (after.state, done, after.deadline) == (state, action, deadline)


def test_a_hang_is_told_in_words() -> None:
    hung, _ = step(RUNNING, Heard(11.0, "its sync hung: killed"), 1.0, LIMITS)
    ended, _ = step(hung, Due(), 11.0, LIMITS)
    named, _ = step(ended, Due("sync_file (own 1.0)"), 11.4, LIMITS)
    waiting, _ = step(named, Exited("killed by SIGTERM"), 11.5, LIMITS)
    told = "its sync hung: killed; it hung in sync_file (own 1.0) (killed by SIGTERM)"
    assert (waiting.last_exit, waiting.traced) == (told, False)


def test_who_is_late_to_stop_is_told_with_where_it_hangs_and_a_remedy() -> None:
    asked, _ = step(msgspec.structs.replace(RUNNING, reason="its loop"), Unwanted(), 9.0, LIMITS)
    assert asked.reason == ""
    late, _ = step(asked, Due(), 14.0, LIMITS)
    killed, _ = step(late, Due("close (own 1.0)", "hurry"), 14.3, LIMITS)
    told = "did not stop within 5 s: killed; it hung in close (own 1.0); hurry"
    assert (killed.reason, killed.wanted) == (told, False)


def test_crashes_in_a_row_are_spaced_for_ever_and_never_given_up() -> None:
    life, now, waits = WAITING, 0.0, []
    for _ in range(12):
        life, action = step(life, Due(), now, LIMITS)
        assert action == "spawn"
        life, _ = step(life, Exited("exited with status 1"), now, LIMITS)
        assert life.deadline is not None
        waits.append(life.deadline - now)
        now = life.deadline
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


def test_a_quiet_time_heals() -> None:
    flaky = Lifecycle(state="running", running_since=0.0, failures=9, deadline=100.0)
    soon, _ = step(flaky, Exited("killed by SIGSEGV"), 29.0, LIMITS)
    late, _ = step(flaky, Exited("killed by SIGSEGV"), 31.0, LIMITS)
    assert (soon.failures, late.failures) == (10, 1)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_jitter_stays_within_its_share(chance: float) -> None:
    backoff = LIMITS.backoff
    assert 54.0 <= backoff.delay(100, chance) <= 60.0
    assert backoff.delay(1, chance) == 0.0


def again(life: Lifecycle) -> Lifecycle:
    """The same worker started anew at 10, and ready at 11."""
    life, _ = step(life, Exited("killed by SIGKILL"), 10.0, LIMITS)
    life, _ = step(life, Due(), 10.0, LIMITS)
    life, _ = step(life, Became(99.0), 11.0, LIMITS)
    return life


def test_who_fell_is_in_doubt_until_it_has_run_for_a_while() -> None:
    assert unsettled(RUNNING, 5.0, LIMITS) == ""
    fallen = again(RUNNING)
    assert unsettled(fallen, 12.0, LIMITS) == "was started again 1 s ago: killed by SIGKILL"
    assert unsettled(fallen, 41.0, LIMITS) == ""


def test_who_could_not_start_is_in_no_doubt_once_it_runs() -> None:
    assert unsettled(again(STARTING), 12.0, LIMITS) == ""


@pytest.mark.parametrize(
    ("life", "events", "ending"),
    [
        (RUNNING, [Overstepped("too much", "memory"), Exited("exited with status 0")], "memory"),
        (RUNNING, [Due(), Due(), Exited("killed by SIGTERM")], "hung"),
        (STARTING, [Due(), Exited("killed by SIGKILL")], "hung"),
        (RUNNING, [Exited("killed by SIGKILL; more memory helps")], "killed"),
        (RUNNING, [Exited("exited with status 3")], "exited"),
        (STARTING, [Exited("exited with status 1", "no such plugin")], "failed"),
    ],
)
def test_it_is_known_why_a_process_ended_until_the_next_begins(
    life: Lifecycle, events: list[Any], ending: str
) -> None:
    for event in events:
        life, _ = step(life, event, 99.0, LIMITS)
    assert (life.state, life.ending) == ("waiting", ending)
    started, _ = step(life, Due(), 999.0, LIMITS)
    assert (started.state, started.ending) == ("starting", None)
