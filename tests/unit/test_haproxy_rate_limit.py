"""When the next reload of HAProxy may be, as a table of moments."""

from lighthouse.haproxy.runtime.rate_limit import AGAIN, RateLimit


def test_the_first_is_at_once_and_the_next_after_the_interval() -> None:
    allowance = RateLimit(2.0, 100)
    assert allowance.wait(0.0, "a").seconds == 0
    allowance.note(0.0, 0.1)
    assert allowance.wait(0.5, "b").seconds == 1.5
    assert allowance.wait(2.0, "b").seconds == 0


def test_long_reloads_are_further_apart() -> None:
    allowance = RateLimit(2.0, 100)
    allowance.note(0.0, 3.0)
    assert allowance.wait(3.0, "b").seconds == 6.0


def test_what_failed_is_tried_again_ever_later_and_anything_else_at_once() -> None:
    allowance = RateLimit(1.0, 100)
    now = 0.0
    for times in (1, 2, 4, 8, 16, 20, 20):
        allowance.note(now, now, "bad")
        wait = allowance.wait(now, "bad")
        assert (wait.seconds, wait.reason) == (times * AGAIN, "the last try failed")
        assert allowance.wait(now, "other").seconds == 1.0
        now += wait.seconds
    allowance.note(now, now)
    assert allowance.wait(now, "bad").seconds == 1.0
    allowance.note(now, now, "bad")
    assert allowance.wait(now, "bad").seconds == AGAIN


def test_the_hours_budget() -> None:
    allowance = RateLimit(0.1, 2)
    allowance.note(0.0, 0.0)
    allowance.note(100.0, 100.0)
    wait = allowance.wait(200.0, "c")
    assert (wait.seconds, wait.spent) == (3400.0, True)
    assert allowance.last_hour(200.0) == 2
    assert allowance.wait(3600.0, "c").seconds == 0
    assert allowance.last_hour(3600.0) == 1
