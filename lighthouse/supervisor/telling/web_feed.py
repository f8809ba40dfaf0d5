"""What the web worker is told: the status document whenever it wants one, and answers.

A document is made only if one is wanted, and never sooner after the last than its ``pace``: what
nobody looks at costs nothing, and no change waits for it.
"""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from lighthouse.ipc.channel import Closed
from lighthouse.ipc.control import (
    BeginMaintenance,
    EndMaintenance,
    GetStatus,
    Inquiry,
    NoRight,
    Question,
    RestartWorker,
)
from lighthouse.ipc.messages import (
    Alive,
    Answered,
    Asked,
    Message,
    StatusGiven,
    StatusWanted,
    Working,
)
from lighthouse.process.timing.timers import Timers
from lighthouse.supervisor.control.listener import Answer
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State

FASTEST: Final = 0.05
"""Seconds between two documents at the least, whatever the worker wants."""

SHARE: Final = 25
"""At least so many times what the last document took until the next: that of a large fleet
must not hold up changes."""

AGAIN: Final = 0.25
"""Seconds until what found no room in the worker's channel is sent again."""

_ACTS: Final = (BeginMaintenance, EndMaintenance, RestartWorker)
"""What it may ask for beside what changes nothing, where a token is configured."""


class WebFeed:
    """``answer`` is given each question, as one of the daemon's own user."""

    def __init__(
        self,
        state: State,
        timers: Timers,
        answer: Callable[[Question, int], Answer | None],
    ) -> None:
        self._state: Final = state
        self._timers: Final = timers
        self._answer: Final = answer
        self._uid: Final = os.geteuid()
        self._wanted: tuple[Worker, StatusWanted] | None = None
        self._given_at = float("-inf")
        self._took = 0.0
        self._changed = True  # since the last document
        self._soon = False  # the next one waits for nothing but its pace

    def take(self, worker: Worker, message: Message) -> None:
        """A worker spoke, and what it said has been taken."""
        match message:
            case StatusWanted():
                self._wanted = worker, message
                self._plan(message)
            case Asked(number, question):
                reply, payload = self._answered(question)
                self._tell(worker, Answered(number, reply), (payload,))
            case Alive() | Working():
                pass
            case _:
                self.note()

    def note(self) -> None:
        """Something has changed that the document may show."""
        self._changed = True
        if self._wanted is not None and not self._soon:
            self._plan(self._wanted[1])

    def _plan(self, wanted: StatusWanted) -> None:
        """Be back when the next document is due."""
        self._soon = self._changed
        rest = wanted.pace if self._changed else wanted.patience
        rest = max(rest, FASTEST, SHARE * self._took)
        self._timers.set("web", self._given_at + rest, self._give)

    def _give(self) -> None:
        if self._wanted is None:
            return
        worker, began = self._wanted[0], time.monotonic()
        answer = self._answer(GetStatus(), self._uid)
        if answer is not None and not self._tell(worker, StatusGiven(), answer[1:]):
            self._timers.set("web", time.monotonic() + AGAIN, self._give)
            return
        self._wanted = None
        self._given_at = time.monotonic()
        self._took = self._given_at - began
        self._changed = self._soon = False

    def _answered(self, question: Question) -> Answer:
        if not isinstance(question, Inquiry):
            web = self._state.config.daemon.web
            if web is None or web.settings.token_file is None or not isinstance(question, _ACTS):
                return NoRight("allowed to read what the daemon says, but not to have it act"), b""
        answer = self._answer(question, self._uid)
        return answer if answer is not None else (NoRight("to be asked that"), b"")

    def _tell(
        self, worker: Worker, message: StatusGiven | Answered, payload: Iterable[bytes]
    ) -> bool:
        """Return True if the worker is told, or is gone."""
        with suppress(Closed):
            return worker.process is None or worker.process.channel.send(message, payload)
        return True
