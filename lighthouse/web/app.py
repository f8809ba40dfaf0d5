"""The site: which path is answered by what, behind what is refused at once."""

import socket
import time
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from lighthouse.ipc.control import Explanation, GetExplanation
from lighthouse.ipc.snapshot import WebSnapshot
from lighthouse.web.actions import Actions
from lighthouse.web.board import SECTIONS, Board
from lighthouse.web.metrics.collector import StatusCollector, exposition
from lighthouse.web.newest import NewestStatus
from lighthouse.web.questions import Questions
from lighthouse.web.serving import guard, token
from lighthouse.web.serving.assets import Assets
from lighthouse.web.stream import EventStream

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
        self._board: Final = Board(newest, questions)
        self._assets: Final = Assets()
        self._actions: Final = Actions(questions)
        self._names: frozenset[str] = frozenset()
        pages = ["/", *(f"/{name}" for name in SECTIONS), "/clusters/{name}"]
        self._app: Final = Starlette(
            routes=[
                Route("/metrics", self._metrics),
                Route("/status.json", self._status),
                Route("/events", EventStream(self._board, newest), methods=["GET"]),
                Route("/clusters/{name}.json", self._cluster),
                Route("/explain/{name}.json", self._explain),
                Route("/{section}.json", self._section),
                Route("/page/{file}", self._asset),
                Route("/act", self._actions.answer, methods=["POST"]),
                *(Route(path, self._page) for path in pages),
            ],
            exception_handlers={404: _absent, 405: _absent},
        )

    def configure(self, snapshot: WebSnapshot) -> None:
        """Take what a snapshot says of names and of the token."""
        own = socket.gethostname().lower()
        self._names = frozenset((own, own.partition(".")[0], *snapshot.allowed_hosts))
        self._actions.token_file = snapshot.token_file

    def problem(self) -> str:
        """Why nothing can be done by the page though that is configured, empty if it can."""
        return token.problem(self._actions.token_file)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is not for this page, and have each response carry its headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), text.encode()) for name, text in guard.HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        if not guard.is_own_name(_host(scope), self._names):
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

    async def _section(self, request: Request) -> Response:
        """The twin of a section: its rows by their keys."""
        name = request.path_params["section"]
        if name not in SECTIONS:
            return await _absent(request)
        await self._newest.fresh()
        made_at, versions = self._newest.made_at, self._board.versions
        return _json({"made_at": made_at, "head": versions.head, "rows": versions.section(name)})

    async def _cluster(self, request: Request) -> Response:
        if not self._newest.serial:
            await self._newest.fresh()
        found = self._board.opened(request.path_params["name"])
        return await _absent(request) if found is None else _json(found)

    async def _explain(self, request: Request) -> Response:
        """What ``lighthouse explain --json`` says of a cluster."""
        question = GetExplanation(request.path_params["name"])
        reply, payload = await self._questions.ask(question)
        if not isinstance(reply, Explanation):
            return PlainTextResponse("The daemon does not answer just now.\n", 503)
        if reply.unknown:
            return await _absent(request)
        return Response(payload, media_type="application/json", headers=_NO_STORE)

    async def _asset(self, request: Request) -> Response:
        found = self._assets.answer(request.path_params["file"], request)
        return await _absent(request) if found is None else found

    async def _page(self, request: Request) -> Response:
        found = self._assets.answer("index.html", request)
        return await _absent(request) if found is None else found


def _json(content: dict[str, Any]) -> Response:
    text = msgspec.json.encode(content)
    return Response(text, media_type="application/json", headers=_NO_STORE)


def _host(scope: Scope) -> str:
    """What the only ``Host`` header says; empty if there is none, or more than one."""
    found = [value for key, value in scope["headers"] if key == b"host"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


async def _absent(_request: Request, _error: Exception | None = None) -> Response:
    return PlainTextResponse(ABSENT, 404)
