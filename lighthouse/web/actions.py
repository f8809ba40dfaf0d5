"""What the page can have done, by those who know the token."""

import asyncio
import time
from typing import Annotated, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lighthouse.ipc.control import (
    BeginMaintenance,
    EndMaintenance,
    Maintained,
    NoRight,
    Question,
    Reply,
    RestartingWorker,
    RestartWorker,
)
from lighthouse.text import one_line
from lighthouse.web.questions import Questions
from lighthouse.web.serving import guard, token

BODY: Final = 4096
"""Bytes of a request at the most."""

PENALTY: Final = 1.0
"""Seconds that an answer to a wrong token takes."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class TakeDown(msgspec.Struct, tag="down", forbid_unknown_fields=True):
    """Take a service of this host out, for so many minutes if that is said."""

    service: Name
    port: Port | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""
    minutes: Annotated[float, msgspec.Meta(gt=0, le=43200)] | None = None


class TakeUp(msgspec.Struct, tag="up", forbid_unknown_fields=True):
    """Let it be reported again."""

    service: Name
    port: Port | None = None


class Renew(msgspec.Struct, tag="restart-worker", forbid_unknown_fields=True):
    """Start a worker anew."""

    kind: Literal["balancer", "discovery", "check", "web"]
    name: Name


Act = TakeDown | TakeUp | Renew
_acts: Final = msgspec.json.Decoder(Act)


class Actions:
    """``token_file`` is empty where nothing may be done."""

    def __init__(self, questions: Questions) -> None:
        self._questions: Final = questions
        self.token_file = ""

    async def answer(self, request: Request) -> Response:
        """Have one thing done, if everything about the request is as it should be."""
        refused = await self._refused(request)
        if refused is not None:
            return refused
        try:
            act = _acts.decode(await _body(request))
        except msgspec.MsgspecError as error:
            return _told(400, f"not understood: {one_line(str(error))}")
        except ValueError as error:
            return _told(413, str(error))
        reply, _ = await self._questions.ask(_question(act))
        return _answer(reply)

    async def _refused(self, request: Request) -> Response | None:
        """Why the request is not even looked at, None if it is."""
        headers = request.headers
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if not guard.is_own_origin(origin, site, headers.get("host", "")):
            return _told(403, "this was asked by another page")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _told(415, "expected application/json")
        if not self.token_file:
            return _told(403, "nothing can be done here: lighthouse.yaml has no token_file")
        wanted, problem = await asyncio.to_thread(token.read, self.token_file)
        if problem:
            return _told(403, "nothing can be done here: the token_file cannot be used")
        if not guard.is_token(headers.get("authorization", ""), wanted):
            await asyncio.sleep(PENALTY)
            return _told(401, "that is not the token")
        return None


async def _body(request: Request) -> bytes:
    """The body; raises ``ValueError`` if it is too large."""
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > BODY:
            raise ValueError(f"more than {BODY} bytes")
    return found


def _question(act: Act) -> Question:
    by = "the status page"
    match act:
        case TakeDown(service, port, reason, minutes):
            until = None if minutes is None else time.time() + minutes * 60
            return BeginMaintenance(service, port, one_line(reason), until, by)
        case TakeUp(service, port):
            return EndMaintenance(service, port, by)
        case Renew(kind, name):
            return RestartWorker(kind, name)


def _answer(reply: Reply) -> Response:
    match reply:
        case NoRight(reason):
            return _told(503, f"the daemon was not {reason}")
        case Maintained(error, changed, warning):
            return _told(409 if error else 200, error or warning or _done(changed))
        case RestartingWorker(kind, name, _, error):
            return _told(409 if error else 200, error or f"{kind} {name} is started anew")
    return _told(502, "the daemon answered something else")


def _done(changed: bool) -> str:
    return "done" if changed else "it was so already"


def _told(status: int, message: str) -> Response:
    content = {"done": status == 200, "message": message}
    return JSONResponse(content, status, headers={"cache-control": "no-store"})
