"""Timers are a mapping from which the earliest are taken."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.process.timing.timers import Timers

names = st.sampled_from("abcde")
times = st.integers(0, 20)
steps = st.one_of(
    st.tuples(st.just("set"), names, st.none() | times),
    st.tuples(st.sampled_from(("take", "run")), st.none(), times),
)


@given(st.lists(steps, max_size=200))
def test_they_are_what_a_mapping_is(changes: list[tuple[str, str | None, int | None]]) -> None:
    timers = Timers()
    done: list[str] = []
    model: dict[str, int] = {}
    for what, name, when in changes:
        if name is not None:
            timers.set(name, when, partial(done.append, name))
            model.pop(name, None)
            if when is not None:
                model[name] = when
        else:
            assert when is not None
            due = sorted((at, name) for name, at in model.items() if at <= when)
            if what == "take":
                for _, act in timers.take(when):
                    act()
            else:
                timers.run(when)
            assert [model.pop(name) for name in done] == [at for at, _ in due]
            done.clear()
        wait = timers.wait(0)
        assert wait == min(model.values(), default=None)
        assert [timers.pending(name) for name in "abcde"] == [name in model for name in "abcde"]


def test_what_follows_one_that_raises_is_due_again() -> None:
    timers = Timers()
    done: list[str] = []

    def fail() -> None:
        timers.set("third", 9.0, partial(done.append, "moved"))
        raise OSError("no")

    timers.set("first", 1.0, partial(done.append, "first"))
    timers.set("second", 2.0, fail)
    timers.set("third", 3.0, partial(done.append, "third"))
    timers.set("fourth", 4.0, partial(done.append, "fourth"))
    with pytest.raises(OSError, match="no"):
        timers.run(5.0)
    assert done == ["first"]
    timers.run(5.0)
    assert done == ["first", "fourth"]
    timers.run(9.0)
    assert done == ["first", "fourth", "moved"]


def test_what_is_moved_again_and_again_costs_no_room() -> None:
    timers = Timers()
    for moment in range(1000):
        timers.set("one", float(moment), lambda: None)
    assert len(timers._heap) < 50
    assert timers.wait(0.0) == 999.0
