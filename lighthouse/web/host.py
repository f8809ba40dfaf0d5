"""The web worker's loop: one event loop for the supervisor's channel and for all browsers.

The sign of life comes from the very loop that serves, so that one that hangs is ended.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import setproctitle

from lighthouse.balancer import Kind
from lighthouse.ipc.channel import Channel
from lighthouse.ipc.control import Question
from lighthouse.ipc.messages import (
    Alive,
    Answered,
    Applied,
    Asked,
    Deliver,
    Ready,
    StatusGiven,
    StatusWanted,
    Stop,
    Validate,
    Validated,
)
from lighthouse.ipc.snapshot import WebSnapshot, unpack
from lighthouse.process.gc import GarbageCollector
from lighthouse.process.locks import Lock
from lighthouse.web.app import StatusSite
from lighthouse.web.newest import NewestStatus
from lighthouse.web.questions import Questions
from lighthouse.web.serving import token
from lighthouse.web.serving.server import PageServer
from lighthouse.workers.outbox import Outbox
from lighthouse.workers.process import GivingUp

HEARTBEAT: Final = 2.0
LOCK_PATIENCE: Final = 10.0
LOCK_POLL: Final = 0.05
AGAIN: Final = 2.0
"""Seconds until what could not be served as it should is tried again."""


class WebHost:
    """Serves what the supervisor tells, at the address of the newest snapshot."""

    def __init__(self, channel: Channel, lock: Lock) -> None:
        self._channel: Final = channel
        self._lock: Final = lock
        self._outbox: Final = Outbox(channel)
        self._garbage: Final = GarbageCollector()
        self._newest: Final = NewestStatus(self._want)
        self._questions: Final = Questions(self._ask)
        self._site: Final = StatusSite(self._newest, self._questions)
        self._server: Final = PageServer(self._site)
        self._delivered: tuple[int, WebSnapshot] | None = None
        self._news: Final = asyncio.Event()  # a snapshot that was not looked at yet
        self._end: Final[asyncio.Future[None]] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until told to stop. Raises ``Closed`` when the supervisor is gone."""
        loop = asyncio.get_running_loop()
        setproctitle.setproctitle("lighthouse: web")
        loop.add_reader(self._channel, self._guarded, self._receive)
        self._outbox.post(Ready())
        self._newest.start()
        tasks = [loop.create_task(self._lasting(one)) for one in (self._beat(), self._apply())]
        try:
            await self._end
        finally:
            loop.remove_reader(self._channel)
            for task in tasks:
                task.cancel()
            self._server.close()

    def _guarded(self, act: Callable[[], None]) -> None:
        """Have whatever is raised end the process, which says what it was."""
        try:
            act()
        except Exception as error:  # noqa: BLE001
            self._stop(error)

    async def _lasting(self, work: Coroutine[Any, Any, None]) -> None:
        """The same of what goes on for ever."""
        try:
            await work
        except Exception as error:  # noqa: BLE001
            self._stop(error)

    def _stop(self, error: Exception | None) -> None:
        if self._end.done():
            return
        if error is None:
            self._end.set_result(None)
        else:
            self._end.set_exception(error)

    def _receive(self) -> None:
        while (received := self._channel.receive()) is not None:
            self._take(*received)

    def _take(self, message: object, payload: memoryview) -> None:
        match message:
            case Deliver(version):
                self._delivered = version, _snapshot(payload)
                self._news.set()
            case StatusGiven():
                self._newest.take(payload)
            case Answered(number, reply):
                self._questions.answered(number, reply, bytes(payload))
            case Validate():
                self._outbox.post(Validated(reason=token.problem(_snapshot(payload).token_file)))
            case Stop():
                self._stop(None)

    async def _beat(self) -> None:
        while True:
            self._outbox.post(Alive(self._status()))
            self._garbage.tidy()
            await asyncio.sleep(HEARTBEAT)

    async def _apply(self) -> None:
        """Serve where the newest snapshot says; what cannot be is said, and tried again."""
        said: tuple[int, str] | None = None
        patience = None
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), patience)
            self._news.clear()
            if self._delivered is None:
                continue
            await self._locked()
            version, snapshot = self._delivered
            problem = await self._serve(snapshot)
            patience = AGAIN if problem or snapshot.token_file else None
            if said != (version, problem):
                said = version, problem
                kind: Kind = "degraded" if problem else "applied"
                now = time.monotonic()
                self._outbox.post(Applied(version, kind, now, problem, status=self._status()))

    async def _locked(self) -> None:
        """Wait until nobody else is at this work, not even somebody who is dying."""
        until = time.monotonic() + LOCK_PATIENCE
        while not self._lock.take():
            if time.monotonic() > until:
                raise GivingUp(f"another process (pid {self._lock.holder()}) serves the page")
            await asyncio.sleep(LOCK_POLL)

    async def _serve(self, snapshot: WebSnapshot) -> str:
        """Listen there; why that, or something else of it, cannot be, empty if all is well."""
        self._site.configure(snapshot)
        try:
            await self._server.listen(snapshot.ip, snapshot.port)
        except OSError as error:
            return f"{snapshot.ip} port {snapshot.port} cannot be listened at: {error.strerror}"
        return self._site.problem()

    def _status(self) -> dict[str, Any]:
        return {**self._server.status(), "watching": self._newest.watching}

    def _want(self, pace: float, patience: float) -> None:
        self._guarded(lambda: self._outbox.post(StatusWanted(pace, patience)))

    def _ask(self, number: int, question: Question) -> None:
        post = self._outbox.post
        self._guarded(lambda: post(Asked(number, question), key=(Asked, number)))


def _snapshot(payload: memoryview) -> WebSnapshot:
    snapshot = unpack(payload)
    if not isinstance(snapshot, WebSnapshot):
        raise TypeError(f"a {type(snapshot).__name__} was sent to the web worker")
    return snapshot


async def serve(channel: Channel, lock: Lock) -> None:
    """Be the web worker; raises ``Closed`` when the supervisor is gone, and ``GivingUp``."""
    await WebHost(channel, lock).run()
