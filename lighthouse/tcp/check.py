"""The ``tcp`` check: a service takes connections and, if asked, gives the right answer."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from lighthouse import hookimpl
from lighthouse.check import Check, Result
from lighthouse.net.connection import BoundedConnection, Deadline, said
from lighthouse.net.tls import Contexts, Tls, problems
from lighthouse.schema import Problem, convert, require

MAX_RESPONSE: Final = 64 * 1024
"""Bytes of an answer that are searched."""


class TcpSettings(msgspec.Struct, frozen=True):
    """``query`` is sent once connected; ``response`` has to occur in what comes back.

    ``tls`` is for servers that want it: true, or a map.
    """

    query: str = ""
    response: str = ""
    tls: bool | Tls = False


class TcpCheck(Check):
    """Connects and, as in the 2016 lighthouse, sends a query and searches the answer."""

    settings_type: ClassVar = TcpSettings

    def __init__(self) -> None:
        self._settings = TcpSettings()
        self._contexts = Contexts(False)

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        settings = convert(config, TcpSettings)
        found = problems(settings.tls)
        if len(settings.response.encode()) > MAX_RESPONSE:
            found.append(Problem(("response",), f"longer than {MAX_RESPONSE} bytes"))
        require(found)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, TcpSettings)
        self._contexts = Contexts(self._settings.tls)

    def perform(self, host: str, port: int, timeout: float) -> Result:
        try:
            connection = BoundedConnection.open(host, port, self._contexts, Deadline(timeout))
        except (OSError, ValueError) as error:
            return Result(False, f"no connection: {said(error)}")
        try:
            return self._converse(connection)
        except OSError as error:
            return Result(False, f"connected, then: {said(error)}")
        finally:
            connection.close()

    def _converse(self, connection: BoundedConnection) -> Result:
        if self._settings.query:
            connection.sendall(self._settings.query.encode())
        wanted = self._settings.response.encode()
        if not wanted:
            return Result(True, "connected")
        answer = bytearray()
        buffer = memoryview(bytearray(4096))
        while len(answer) < MAX_RESPONSE:
            try:
                count = connection.recv_into(buffer)
            except TimeoutError:
                break
            if count == 0:
                break
            answer += buffer[:count]
            if wanted in answer[-(len(wanted) + count) :]:
                return Result(True, "answered as expected")
        return Result(False, f"the expected answer is not among {len(answer)} bytes")


@hookimpl
def lighthouse_check() -> type[Check]:
    return TcpCheck
