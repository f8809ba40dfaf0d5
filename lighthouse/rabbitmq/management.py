"""The management API of a broker, as far as a probe needs it."""

import base64
import http.client
from collections.abc import Callable, Collection
from typing import Annotated, Final, TypeVar

import msgspec

from lighthouse.known_types import make_known
from lighthouse.net.connection import BoundedConnection, said
from lighthouse.net.http import HttpClient
from lighthouse.net.tls import Tls
from lighthouse.rabbitmq.node import HealthAnswer, Member, NodeCondition, NodeReport, Overview

T = TypeVar("T")

make_known(Overview, tuple[Member, ...], HealthAnswer)

Connect = Callable[[str, int], BoundedConnection]

MAX_BODY: Final = 1024 * 1024
"""Bytes of an answer: a cluster of 1,000 nodes needs a fifth of that."""

_COLUMNS: Final = "name,running,being_drained,partitions"


class Management(msgspec.Struct, frozen=True):
    """The ``management`` map; the host and the credentials are those of the AMQP probe.

    ``port`` is where the management API listens. ``tls`` is for an API that wants it: true, or
    a map. ``prefix`` is what its paths begin with.
    """

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 15672
    tls: bool | Tls = False
    prefix: str = ""


class Unhealthy(OSError):
    """The API cannot be asked, or says that something is wrong; the text says what."""


class Api:
    """Asks one question after the other, each on a connection that ``connect`` opens.

    ``connect`` takes the host and the port.
    """

    def __init__(
        self, connect: Connect, host: str, settings: Management, username: str, password: str
    ) -> None:
        self._connect: Final = connect
        self._host: Final = host
        self._port: Final = settings.port
        self._prefix: Final = settings.prefix.rstrip("/")
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers: Final = {"Authorization": f"Basic {token}", "Connection": "close"}
        self._username: Final = username

    def report(self, asked: Collection[NodeCondition]) -> NodeReport:
        """How the node is; raises ``Unhealthy`` if that cannot be found out."""
        return NodeReport(
            self._get("/api/overview?columns=node,cluster_name", Overview),
            self._get(f"/api/nodes?columns={_COLUMNS}", tuple[Member, ...]),
            self._check("local-alarms") if "alarms" in asked else HealthAnswer(),
            self._check("node-is-quorum-critical") if "quorum" in asked else HealthAnswer(),
        )

    def _check(self, name: str) -> HealthAnswer:
        """One of the node's own health checks; a failed one has a reason."""
        path = f"/api/health/checks/{name}"
        status, body = self._ask(path)
        if status == 404:
            raise Unhealthy(f"no health check '{name}'; it came with RabbitMQ 3.8.10")
        if status not in (200, 503):
            raise Unhealthy(self._refused(path, status))
        if status == 200:
            return HealthAnswer()
        found = self._decoded(path, body, HealthAnswer)
        return found if found.reason else msgspec.structs.replace(found, reason="failed")

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
            connection = self._connect(self._host, self._port)
        except (OSError, ValueError) as error:
            text = f"no connection: {said(error)}; is the plugin rabbitmq_management enabled?"
            raise Unhealthy(text) from error
        try:
            client = HttpClient(self._host, self._port, connection)
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
