"""Checks that an HTTP service answers as expected."""

import http.client
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from lighthouse import __version__, hookimpl
from lighthouse.check import Check, Result
from lighthouse.http.expressions import LONGEST, Expressions, TooCostly
from lighthouse.http.status import Statuses, parse
from lighthouse.net.connection import BoundedConnection, Deadline, said
from lighthouse.net.http import HttpClient
from lighthouse.net.tls import Contexts, Tls, problems
from lighthouse.schema import Problem, convert, require
from lighthouse.text import one_line

MAX_BODY: Final = 64 * 1024
"""Bytes of a body that are searched."""

_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_URI: Final = re.compile(r"/[!-~]*")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t -~]*")
_CHUNK: Final = 4096
_SIMPLER: Final = "it may backtrack without end: give 'body', or an expression that repeats less"


class HttpSettings(msgspec.Struct, frozen=True):
    """What to ask and what to expect; see docs/checks.md.

    ``status`` is a code, a range such as ``"200-299"``, or a list of both. ``body`` is text
    that has to occur in the answer's body, ``body_regex`` a regular expression.

    ``method`` is GET or another one. ``uri`` is path and query, such as /health. ``headers``
    are sent with it. ``tls`` is for servers that want it: true, or a map.
    """

    method: str = "GET"
    uri: str = "/"
    status: int | str | list[int | str] = "200-399"
    body: str | None = None
    body_regex: str | None = None
    headers: dict[str, str | int | float] = {}
    tls: bool | Tls = False


class HttpCheck(Check):
    """One request on a connection of its own; redirects are answers, and not followed."""

    settings_type: ClassVar = HttpSettings
    _expressions: ClassVar = Expressions()

    def __init__(self) -> None:
        self._settings = HttpSettings()
        self._statuses: Statuses = parse(self._settings.status)
        self._contexts = Contexts(False)

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        settings = convert(config, HttpSettings)
        require([*_faults(settings), *problems(settings.tls)])

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, HttpSettings)
        self._statuses = parse(self._settings.status)
        self._contexts = Contexts(self._settings.tls)

    def perform(self, host: str, port: int, timeout: float) -> Result:
        deadline = Deadline(timeout)
        try:
            connection = BoundedConnection.open(host, port, self._contexts, deadline)
        except (OSError, ValueError) as error:
            return Result(False, f"no connection: {said(error)}")
        try:
            return self._judge(self._ask(HttpClient(host, port, connection)), deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Result(False, f"no proper answer: {said(error)}")
        finally:
            connection.close()

    def _ask(self, client: HttpClient) -> http.client.HTTPResponse:
        headers = {name.lower(): str(value) for name, value in self._settings.headers.items()}
        defaults = {"user-agent": f"lighthouse/{__version__}", "accept": "*/*"}
        fixed = {"connection": "close", "accept-encoding": "identity"}
        client.putrequest(
            self._settings.method,
            self._settings.uri,
            skip_host="host" in headers,
            skip_accept_encoding=True,
        )
        for name, value in (fixed | defaults | headers).items():
            client.putheader(name, value)
        client.endheaders()
        return client.getresponse()

    def _judge(self, response: http.client.HTTPResponse, deadline: Deadline) -> Result:
        status = one_line(f"status {response.status} {response.reason}", 80)
        if response.status not in self._statuses:
            return Result(False, one_line(f"{status}, expected {self._statuses}"))
        text, pattern = self._settings.body, self._settings.body_regex
        if text is None and pattern is None:
            return Result(True, status)
        wanted = None if text is None else text.encode()
        body = _body(response, wanted if pattern is None else None)
        if wanted is not None and wanted not in body:
            return Result(False, f"{status}, but the body lacks {one_line(repr(text), 60)}")
        if pattern is not None:
            try:
                matches = self._expressions.search(pattern, body, deadline)
            except TooCostly as error:
                return Result(False, f"{status}, but body_regex: {error}; {_SIMPLER}")
            if not matches:
                return Result(False, f"{status}, but the body does not match the expression")
        return Result(True, f"{status}, body as expected")


def _body(response: http.client.HTTPResponse, enough: bytes | None) -> bytes:
    """The body, or as much as holds ``enough``, or ``MAX_BODY`` bytes of it."""
    body = bytearray()
    while len(body) < MAX_BODY and (enough is None or enough not in body):
        piece = response.read1(_CHUNK)
        if not piece:
            break
        body += piece
    return bytes(body[:MAX_BODY])


def _faults(settings: HttpSettings) -> list[Problem]:
    found = []
    if not _METHOD.fullmatch(settings.method) or settings.method == "CONNECT":
        found.append(Problem(("method",), "expected a method such as GET or HEAD"))
    if not _URI.fullmatch(settings.uri):
        found.append(Problem(("uri",), "expected '/' and printable ASCII without spaces"))
    for name, value in settings.headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(str(value)):
            found.append(Problem(("headers", name), "not a header that can be sent"))
    try:
        parse(settings.status)
    except ValueError as error:
        found.append(Problem(("status",), str(error)))
    wrong = _fault_of(settings.body_regex or "")
    if wrong:
        found.append(Problem(("body_regex",), wrong))
    return found


def _fault_of(expression: str) -> str:
    """What is wrong with a regular expression, empty if nothing is."""
    if len(expression) > LONGEST:
        return f"expected at most {LONGEST} characters, got {len(expression)}"
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    return ""


@hookimpl
def lighthouse_check() -> type[Check]:
    return HttpCheck
