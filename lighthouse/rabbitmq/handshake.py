"""The opening and closing of an AMQP connection, and nothing in between."""

import struct
from typing import Any, Final

import amqp
import msgspec
from amqp.sasl import PLAIN
from amqp.transport import AMQP_PROTOCOL_HEADER, TCPTransport

from lighthouse.net.adapter import Lent
from lighthouse.net.connection import BoundedConnection

# What the library raises on an answer that is no AMQP depends on where it stops making sense.
GARBAGE: Final = (struct.error, LookupError, TypeError, ValueError, AttributeError)


class Broker(msgspec.Struct, frozen=True):
    """How a broker introduces itself."""

    product: str
    version: str
    cluster_name: str


def shake(connection: BoundedConnection, username: str, password: str, vhost: str) -> Broker:
    """Log in, open the virtual host and say goodbye; declares and consumes nothing.

    Raises ``amqp.AMQPError`` with what the broker refuses, ``OSError`` for all else.
    """
    link = _Link(connection, PLAIN(username, password), vhost)
    try:
        link.connect()
        properties = dict(link.server_properties)
        link.close()
    except GARBAGE as error:
        raise OSError(f"no AMQP 0-9-1 broker: {type(error).__name__}: {error}") from error
    return Broker(*(_text(properties.get(name)) for name in Broker.__struct_fields__))


class _Link(amqp.Connection):  # type: ignore[misc]
    """py-amqp on a connection that its owner opened, bounds and closes."""

    def __init__(self, connection: BoundedConnection, login: PLAIN, vhost: str) -> None:
        self._lent: Final = Lent(connection)
        named = {"connection_name": "lighthouse"}
        super().__init__(authentication=login, virtual_host=vhost, client_properties=named)

    def Transport(self, *_args: Any, **_options: Any) -> "_Transport":
        return _Transport(self._lent)


class _Transport(TCPTransport):  # type: ignore[misc]
    def __init__(self, lent: Lent) -> None:
        super().__init__("")
        self.sock = lent

    def connect(self) -> None:
        self._setup_transport()
        self.write(AMQP_PROTOCOL_HEADER)
        self.connected = True


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
