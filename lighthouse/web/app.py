"""The site: which path is answered by what, behind what is refused at once."""

import socket
import time
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from lighthouse.ipc.snapshot import WebSnapshot
from lighthouse.web import guard, token
from lighthouse.web.metrics.collector import StatusCollector, exposition
from lighthouse.web.newest import NewestStatus
from lighthouse.web.questions import Questions

MISDIRECTED: Final = (
    "This page is not served under that name; see allowed_hosts under web: in lighthouse.yaml.\n"
)
ABSENT: Final = "There is no such page.\n"
_NO_STORE: Final = {"cache-control": "no-store"}


class StatusSite:
    """The application; what it tells is in ``newest``, what it asks goes to ``questions``."""

    def __init__(self, newest: NewestStatus, questions: Questions) -> None:
        self._newest: Final = newest
        self._questions: Final = questions
        self._names: frozenset[str] = frozenset()
        self._token_file = ""
        self._app: Final = Starlette(
            routes=[
                Route("/metrics", self._metrics, methods=["GET"]),
                Route("/status.json", self._status, methods=["GET"]),
            ],
            exception_handlers={404: _absent, 405: _absent},
        )

    def configure(self, snapshot: WebSnapshot) -> None:
        """Take what a snapshot says of names and of the token."""
        own = socket.gethostname().lower()
        self._names = frozenset((own, own.partition(".")[0], *snapshot.allowed_hosts))
        self._token_file = snapshot.token_file

    def problem(self) -> str:
        """Why nothing can be done by the page though that is configured, empty if it can."""
        return token.problem(self._token_file)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is not for this page, and have each response carry its headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), text.encode()) for name, text in guard.HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        if not guard.is_own_name(_header(scope, b"host"), self._names):
            await PlainTextResponse(MISDIRECTED, 421)(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    async def _metrics(self, request: Request) -> Response:
        await self._newest.fresh()
        made_at = self._newest.made_at
        collector = StatusCollector(self._newest.document, made_at, time.time())
        text, content_type = exposition(collector, request.headers.get("accept", ""))
        return Response(text, media_type=content_type, headers=_NO_STORE)

    async def _status(self, _request: Request) -> Response:
        await self._newest.fresh()
        return Response(self._newest.text, media_type="application/json", headers=_NO_STORE)


def _header(scope: Scope, name: bytes) -> str:
    """The only header of that name; empty if there is none, or more than one."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""


async def _absent(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse(ABSENT, 404)
