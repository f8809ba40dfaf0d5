"""The management API of a broker, as far as a probe needs it."""

import base64
import http.client
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from lighthouse.http.client import Client
from lighthouse.rabbitmq.node import Member, Overview, Report
from lighthouse.tcp.connection import Connection, said
from lighthouse.tcp.tls import Tls

T = TypeVar("T")

MAX_BODY: Final = 1024 * 1024
"""Bytes of an answer: a cluster of 1,000 nodes needs a fifth of that."""

_COLUMNS: Final = "name,running,being_drained,mem_alarm,disk_free_alarm,partitions"


class Management(msgspec.Struct, frozen=True):
    """The ``management`` map; the host and the credentials are those of the AMQP probe."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 15672
    tls: bool | Tls = False
    prefix: str = ""


class Unhealthy(OSError):
    """The API cannot be asked, or says that something is wrong; the text says what."""


class Api:
    """Asks one question after the other, each on a connection that ``connect`` opens."""

    def __init__(
        self, connect: Callable[[], Connection], prefix: str, username: str, password: str
    ) -> None:
        self._connect: Final = connect
        self._prefix: Final = prefix.rstrip("/")
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers: Final = {"Authorization": f"Basic {token}", "Connection": "close"}
        self._username: Final = username

    def report(self, quorum: bool) -> Report:
        """How the node is; raises ``Unhealthy`` if that cannot be found out."""
        overview = self._get("/api/overview?columns=node,cluster_name", Overview)
        members = self._get(f"/api/nodes?columns={_COLUMNS}", tuple[Member, ...])
        return Report(overview, members, self._critical() if quorum else None)

    def _critical(self) -> str:
        path = "/api/health/checks/node-is-quorum-critical"
        status, body = self._ask(path)
        if status == 503:
            return self._decoded(path, body, dict[str, Any]).get("reason") or "yes"
        if status != 200:
            raise Unhealthy(self._refused(path, status))
        return ""

    def _get(self, path: str, kind: type[T]) -> T:
        status, body = self._ask(path)
        if status != 200:
            raise Unhealthy(self._refused(path, status))
        return self._decoded(path, body, kind)

    def _decoded(self, path: str, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unhealthy(f"{path}: not the expected JSON ({error})") from error

    def _ask(self, path: str) -> tuple[int, bytes]:
        try:
            connection = self._connect()
        except (OSError, ValueError) as error:
            text = f"no connection: {said(error)}; is the plugin rabbitmq_management enabled?"
            raise Unhealthy(text) from error
        try:
            client = Client("localhost", 0, connection)
            client.request("GET", self._prefix + path, headers=self._headers)
            response = client.getresponse()
            return response.status, response.read(MAX_BODY)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unhealthy(f"{path}: {said(error)}") from error
        finally:
            connection.close()

    def _refused(self, path: str, status: int) -> str:
        if status in (401, 403):
            return f"status {status}: {self._username} needs the tag 'monitoring'"
        return f"{path}: status {status}, expected 200"
