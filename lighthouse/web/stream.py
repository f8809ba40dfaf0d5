"""The page's live view: server-sent events, each with what has changed since the one before.

A reader that is slow is never waited for and never has a queue: when it has taken what it was
sent, it is told all that is new by then.
"""

import asyncio
import time
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from lighthouse.web.board import Board
from lighthouse.web.newest import NewestStatus

HEARTBEAT: Final = 15.0
"""Seconds after which a sign of life is sent though nothing has changed."""

MOST: Final = 32
"""Readers at once."""

RETRY: Final = 1000
"""Milliseconds until a browser connects again."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """The application that serves it."""

    def __init__(self, board: Board, newest: NewestStatus) -> None:
        self._board: Final = board
        self._newest: Final = newest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell until the reader is gone; ``Last-Event-ID`` says what it has."""
        if self._newest.watching >= MOST:
            await _refuse(send)
            return
        tasks = [
            asyncio.ensure_future(self._tell(_last_event(scope), send)),
            asyncio.ensure_future(_gone(receive)),
        ]
        try:
            with self._newest.watched():
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _tell(self, last: str, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        epoch, _, number = last.partition("-")
        known = int(number) if epoch == self._board.epoch and number.isdecimal() else None
        await _send(send, f"retry: {RETRY}\n\n".encode())
        quiet_since = time.monotonic()
        while True:
            serial = self._newest.serial
            said = self._news(known)
            if said is not None:
                known = self._board.versions.version
                await _send(send, said)
                quiet_since = time.monotonic()
            left = quiet_since + HEARTBEAT - time.monotonic()
            if left <= 0:
                await _send(send, self._beat())
                quiet_since = time.monotonic()
                left = HEARTBEAT
            await self._newest.after(serial, left)

    def _news(self, known: int | None) -> bytes | None:
        """What a reader has to be told that has this version; None if nothing."""
        versions = self._board.versions
        if not self._newest.serial or known == versions.version:
            return None
        fresh = None if known is None else versions.since(known)
        kind = "whole" if fresh is None else "delta"
        content = {"made_at": self._newest.made_at, **(fresh or versions.whole())}
        return event(kind, content, f"{self._board.epoch}-{versions.version}")

    def _beat(self) -> bytes:
        return event("beat", {"made_at": self._newest.made_at})


def event(kind: str, content: dict[str, Any], number: str = "") -> bytes:
    """One event; JSON has no line break, so that it is one line of data."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {kind}\ndata: ".encode() + msgspec.json.encode(content) + b"\n\n"


def _last_event(scope: Scope) -> str:
    found = [value for key, value in scope["headers"] if key == b"last-event-id"]
    return found[-1].decode("latin-1")[:64] if found else ""


async def _gone(receive: Receive) -> None:
    """Wait until the reader is gone; what is sent to one that is vanishes in silence."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"retry-after", b"10")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"Too many read this page already.\n"})
