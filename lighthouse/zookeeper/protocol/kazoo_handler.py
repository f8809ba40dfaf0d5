"""How kazoo connects and waits here."""

import select
import socket
import ssl
from typing import Any, Final

from kazoo.handlers.threading import SequentialThreadingHandler

from lighthouse.net.tls import Contexts


class KazooHandler(SequentialThreadingHandler):  # type: ignore[misc]
    """kazoo's threads, but with our TLS, and a wait that costs no descriptor each time.

    kazoo trusts the system's authorities whatever it is given, and waits for the socket while
    TLS has the answer already; neither happens here. ``hosts`` share the time that a client
    may take to connect, so that a dead one does not use all of it up.
    """

    def __init__(self, contexts: Contexts, hosts: int) -> None:
        super().__init__()
        self._contexts: Final = contexts
        self._hosts: Final = hosts

    def create_connection(
        self, address: tuple[str, int], hostname: str = "", timeout: float = 10.0, **_: Any
    ) -> socket.socket:
        """A connection to one server; raises ``OSError``."""
        context = self._contexts.get()
        connection = socket.create_connection(address, max(timeout / self._hosts, 0.5))
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                return connection
            name = self._contexts.server_name or hostname
            return context.wrap_socket(connection, server_hostname=name)
        except BaseException:
            connection.close()
            raise

    def select(
        self, read: list[Any], write: list[Any], _except: list[Any], timeout: float | None = None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Like ``select.select``, but sees what TLS has decrypted and nobody has taken yet."""
        ready = [one for one in read if isinstance(one, ssl.SSLSocket) and one.pending()]
        poll = select.poll()
        sockets = {}
        for wanted, events in ((read, select.POLLIN), (write, select.POLLOUT)):
            for one in wanted:
                sockets[one.fileno()] = one
                poll.register(one, events)
        waits = 0 if ready else -1 if timeout is None else max(0, timeout * 1000)
        found = [sockets[descriptor] for descriptor, _ in poll.poll(waits)]
        return (
            [one for one in read if one in found or one in ready],
            [one for one in write if one in found],
            [],
        )
