"""The control socket under too many clients, and without descriptors."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lighthouse.config.schema.access import ControlAccess
from lighthouse.ipc.channel import Channel
from lighthouse.ipc.control import Leave, Leaving, NoRight
from lighthouse.ipc.program import TellProgram
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.supervisor.control.listener import MAX_CLIENTS, MAX_KEPT, Answer, ControlListener
from lighthouse.supervisor.loop.event_loop import EventLoop

LEAVING: Answer = (Leaving(1.0), b"")


class Control:
    """A listener in its loop."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "s"
        self.answers: list[Answer | Exception] = []
        self.gone: list[int] = []
        self.reserve = DescriptorReserve()
        self.loop = EventLoop(lambda lost: None)
        self.loop.every("beat", 0.05, lambda: None)
        self.listener = ControlListener(
            self.path, self.loop, self.reserve, self.answer, ControlAccess, self.gone.append
        )

    def answer(self, *_: object) -> Answer:
        answer = self.answers.pop(0) if self.answers else LEAVING
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Channel:
        client = Channel.connect(self.path)
        self.loop.turn()
        return client

    def asked(self, client: Channel) -> object:
        """What a client is answered within a few turns of the loop."""
        client.send(Leave())
        for _ in range(3):
            self.loop.turn()
        return client.receive()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    control = Control(tmp_path)
    yield control
    control.listener.close()
    control.loop.close()
    control.reserve.close()


def gone(client: Channel) -> bool:
    try:
        return client.receive() is not None
    except ConnectionError:
        return True


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_client_that_is_dropped_as_it_speaks_is_no_harm(control: Control) -> None:
    clients = [control.client() for _ in range(MAX_CLIENTS)]
    clients.append(Channel.connect(control.path))
    clients[0].send(Leave())
    clients[1].send(Leave())
    control.loop.turn()
    assert clients[1].receive() == (Leaving(1.0), memoryview(b""))
    for client in clients:
        client.close()


def test_a_question_that_cannot_be_answered_costs_its_client_only(control: Control) -> None:
    one, other = control.client(), control.client()
    control.answers.append(ValueError("odd"))
    one.send(Leave())
    control.loop.turn()
    assert gone(one)
    assert control.loop.errors.count == 1
    assert control.asked(other) == (Leaving(1.0), memoryview(b""))
    one.close()
    other.close()


def test_who_asks_is_answered_though_no_descriptor_is_left(control: Control) -> None:
    long = (Leaving(2.0), b"x" * 100_000)  # travels in memory with a descriptor of its own
    first, second = (Channel.connect(control.path) for _ in range(2))
    with no_descriptor_left():
        control.loop.turn()
        control.answers.append(long)
        assert "file descriptors are in use" in control.reserve.problems()[0]
        second.send(Leave())
        for _ in range(3):
            control.loop.turn()
    answer = second.receive()
    assert answer is not None
    assert answer[0] == long[0]
    assert bytes(answer[1]) == long[1]
    assert gone(first)
    assert control.loop.errors.count == 0
    third = control.client()
    assert control.asked(third) == (Leaving(1.0), memoryview(b""))
    assert control.reserve.problems() == []
    for client in (first, second, third):
        client.close()


def test_who_has_a_program_stays_though_others_come_and_its_end_is_told(control: Control) -> None:
    owner = control.client()
    owner.send(TellProgram("web", None, "serves"))
    control.loop.turn()
    assert owner.receive() is not None
    clients = [control.client() for _ in range(MAX_CLIENTS + 2)]
    assert gone(clients[0])
    assert not gone(owner)
    before = len(control.gone)
    owner.close()
    control.loop.turn()
    assert len(control.gone) == before + 1
    owners = []
    for _ in range(MAX_KEPT + 1):
        owners.append(control.client())
        owners[-1].send(TellProgram("web", None, "serves"))
        control.loop.turn()
    said = [one.receive() for one in owners[-2:]]
    assert [type(each[0]) if each else None for each in said] == [Leaving, NoRight]
    for client in (*clients, *owners):
        client.close()
