"""The supervisor's loop: whatever one callback raises, the others go on."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from lighthouse.supervisor.loop import event_loop
from lighthouse.supervisor.loop.event_loop import EventLoop
from tests.waiting import eventually


class Pipe:
    """Readable for as long as it holds a byte."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK)
        self.calls = 0

    def fileno(self) -> int:
        return self.reading

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def stalls() -> list[float]:
    return []


@pytest.fixture
def loop(stalls: list[float]) -> Iterator[EventLoop]:
    loop = EventLoop(stalls.append)
    loop.every("beat", 0.02, lambda: None)
    yield loop
    loop.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def until(loop: EventLoop, condition: Callable[[], object]) -> None:
    def turned() -> object:
        loop.turn()
        return condition()

    eventually(turned, 5)


def test_a_source_that_raises_each_time_rests_and_costs_no_other(
    loop: EventLoop, pipe: Pipe
) -> None:
    told: list[str] = []

    def fail() -> None:
        pipe.calls += 1
        raise RecursionError("too deep")

    loop.watch(pipe, "the pipe", fail, told.append)
    os.write(pipe.writing, b"x")
    began, turns = time.monotonic(), 0
    while pipe.calls < 3:
        loop.turn()
        turns += 1
    assert time.monotonic() - began >= 0.3  # 0.1 + 0.2
    assert turns < 60
    assert told == ["RecursionError: too deep"] * 3
    assert loop.errors.count == 3
    (problem,) = loop.errors.problems(time.time())
    assert "3 times" in problem
    assert "the pipe: RecursionError: too deep" in problem
    assert loop.errors.problems(time.time() + 3600) == []


def test_a_source_that_mends_is_heard_again(loop: EventLoop, pipe: Pipe) -> None:
    def act() -> None:
        pipe.calls += 1
        if pipe.calls == 1:
            raise ValueError
        os.read(pipe.reading, 1)

    loop.watch(pipe, "the pipe", act)
    os.write(pipe.writing, b"xy")
    until(loop, lambda: pipe.calls == 3)


def test_whoever_is_told_of_it_may_raise_too(loop: EventLoop, pipe: Pipe) -> None:
    def fail(_: object = None) -> None:
        raise OSError(5, "EIO")

    loop.watch(pipe, "the pipe", fail, fail)
    os.write(pipe.writing, b"x")
    until(loop, lambda: loop.errors.count >= 2)


def test_a_timer_that_raises_is_tried_again_and_the_others_are_due_all_the_same(
    loop: EventLoop,
) -> None:
    calls: list[str] = []

    def first() -> None:
        calls.append("first")
        if calls.count("first") == 1:
            raise MemoryError

    now = time.monotonic()
    loop.timers.set("first", now, first)
    loop.timers.set("second", now, lambda: calls.append("second"))
    until(loop, lambda: calls == ["first", "second", "first"])


def test_what_comes_again_and_again_does_so_though_it_raises(loop: EventLoop) -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise KeyError("x")

    loop.every("failing", 0.01, fail)
    until(loop, lambda: len(calls) >= 3)


def test_an_attempt_rests_after_a_failure_and_wakes_the_loop(loop: EventLoop) -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise KeyError("x")

    assert not loop.attempt("it", fail)
    assert not loop.attempt("it", fail)
    assert len(calls) == 1
    assert loop.attempt("other", lambda: None)
    until(loop, lambda: loop.attempt("it", lambda: None))


def test_a_source_that_is_forgotten_in_the_same_turn_is_not_called(loop: EventLoop) -> None:
    pipes = [Pipe(), Pipe()]
    calls: list[Pipe] = []

    def act(one: Pipe, other: Pipe) -> None:
        calls.append(one)
        loop.forget(other)
        os.read(one.reading, 1)

    loop.watch(pipes[0], "one", lambda: act(*pipes))
    loop.watch(pipes[1], "other", lambda: act(*reversed(pipes)))
    for pipe in pipes:
        os.write(pipe.writing, b"x")
    for _ in range(3):
        loop.turn()
    assert len(calls) == 1
    for pipe in pipes:
        pipe.close()


def test_a_paused_source_is_not_called_before_its_time(loop: EventLoop, pipe: Pipe) -> None:
    moments: list[float] = []

    def act() -> None:
        moments.append(time.monotonic())
        os.read(pipe.reading, 1)
        loop.pause(pipe, moments[-1] + 0.1)

    loop.watch(pipe, "the pipe", act)
    os.write(pipe.writing, b"xx")
    until(loop, lambda: len(moments) == 2)
    assert moments[1] - moments[0] >= 0.1


def test_time_in_which_the_loop_did_not_turn_is_told(
    loop: EventLoop, stalls: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_loop, "STALL", 0.1)
    loop.turn()
    loop.turn()
    assert stalls == []
    loop.timers.set("slow", time.monotonic(), lambda: time.sleep(0.3))
    loop.turn()
    loop.turn()
    assert len(stalls) == 1
    assert 0.25 <= stalls[0] <= 0.5


def test_a_kernel_that_cannot_say_who_is_ready_is_asked_again(
    loop: EventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(12, "ENOMEM")

    with monkeypatch.context() as patched:
        patched.setattr(type(loop._selector), "select", fail)
        loop.turn()
    assert loop.errors.count == 1
    loop.turn()
