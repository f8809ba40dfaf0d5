"""When a status document is made for the web worker, and what it may ask for."""

import time
from pathlib import Path
from typing import Any

import pytest

from lighthouse.config.schema.types import Config, DaemonSettings, WebFile
from lighthouse.config.schema.web import WebSettings
from lighthouse.ipc.control import (
    BeginMaintenance,
    GetExplanation,
    GetStatus,
    Leave,
    Maintained,
    NoRight,
    Question,
    Reply,
    RestartWorker,
    StatusAnswer,
)
from lighthouse.ipc.messages import Alive, Answered, Applied, Asked, StatusGiven, StatusWanted
from lighthouse.process.timing.timers import Timers
from lighthouse.registration.identity import HostIdentity
from lighthouse.supervisor.state import State
from lighthouse.supervisor.telling.web_feed import FASTEST, WebFeed


class Wired:
    """A worker whose channel only notes what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.full = False
        self.process = self
        self.channel = self

    def send(self, message: Any, payload: Any) -> bool:
        if self.full:
            return False
        self.sent.append((message, b"".join(payload)))
        return True


class Host:
    """The feed between a worker and a daemon that answers everything."""

    def __init__(self, token_file: Path | None = None) -> None:
        self.asked: list[Question] = []
        self.timers = Timers()
        self.worker = Wired()
        web = WebFile(WebSettings(token_file=token_file))
        config = Config(daemon=DaemonSettings(web=web))
        state = State(config, HostIdentity("here", "10.0.0.1"), {})
        self.feed = WebFeed(state, self.timers, self._answer)

    def _answer(self, question: Question, _uid: int) -> tuple[Reply, bytes]:
        self.asked.append(question)
        return (StatusAnswer() if isinstance(question, GetStatus) else Maintained()), b"{}"

    def say(self, message: Any) -> None:
        worker: Any = self.worker
        self.feed.take(worker, message)

    def due(self, seconds: float) -> list[Any]:
        """What is sent within so many seconds from now."""
        self.worker.sent.clear()
        self.timers.run(time.monotonic() + seconds)
        return list(self.worker.sent)


def test_a_document_is_made_only_if_it_is_wanted() -> None:
    host = Host()
    for _ in range(3):
        host.say(Applied(1, "applied", 1.0))
    assert host.due(100) == []
    host.say(StatusWanted(0.25, 2.0))
    assert host.due(0) == [(StatusGiven(), b"{}")]
    host.say(Applied(2, "applied", 1.0))
    assert host.due(100) == []


def test_the_next_one_waits_for_a_change_and_for_its_pace() -> None:
    host = Host()
    host.say(StatusWanted(0.0, 0.0))
    host.due(0)
    host.say(StatusWanted(0.25, 2.0))
    host.say(Alive())
    assert host.due(0.24) == []
    host.say(Applied(1, "applied", 1.0))
    assert host.due(0.2) == []
    assert len(host.due(0.3)) == 1
    host.say(StatusWanted(0.25, 2.0))
    assert host.due(1.9) == []
    assert len(host.due(2.1)) == 1


def test_nobody_can_have_them_made_without_a_pause() -> None:
    host = Host()
    host.say(StatusWanted(0.0, 0.0))
    assert len(host.due(0)) == 1
    host.say(StatusWanted(0.0, 0.0))
    assert host.due(0) == []
    assert len(host.due(2 * FASTEST)) == 1


def test_what_finds_no_room_is_sent_later() -> None:
    host = Host()
    host.say(StatusWanted(0.0, 0.0))
    host.worker.full = True
    assert host.due(0) == []
    host.worker.full = False
    assert len(host.due(1)) == 1


@pytest.mark.parametrize(
    ("question", "token_file", "reached"),
    [
        (GetExplanation("web"), None, True),
        (BeginMaintenance("web"), None, False),
        (BeginMaintenance("web"), Path("/t"), True),
        (RestartWorker("web", "web"), Path("/t"), True),
        (Leave(), Path("/t"), False),
    ],
)
def test_it_may_have_little_done_and_nothing_without_a_token_file(
    question: Question, token_file: Path | None, reached: bool
) -> None:
    host = Host(token_file)
    host.say(Asked(7, question))
    ((answer, _),) = host.worker.sent
    assert isinstance(answer, Answered)
    assert answer.number == 7
    assert (host.asked == [question]) is reached
    assert isinstance(answer.reply, NoRight) is not reached
