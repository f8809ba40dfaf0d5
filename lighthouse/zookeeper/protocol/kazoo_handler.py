"""How kazoo connects and waits here."""

import select
import socket
import ssl
import time
from typing import Any, Final

from kazoo.handlers.threading import SequentialThreadingHandler

from lighthouse.net.tls import Contexts

CONNECT: Final = 2.0
"""Seconds that a server may take to accept a connection: that needs no work of its own."""


class KazooHandler(SequentialThreadingHandler):  # type: ignore[misc]
    """kazoo's threads, but with our TLS, and a wait that costs no descriptor each time.

    kazoo trusts the system's authorities whatever it is given, and waits for the socket while
    TLS has the answer already; neither happens here. All that is waited for until ``proved``
    has to come within the seconds that ``begin`` grants.
    """

    def __init__(self, contexts: Contexts, secure: bool) -> None:
        super().__init__()
        self.secure: Final = secure
        self.late = False
        self._contexts: Final = contexts
        self._until: float | None = None

    def begin(self, seconds: float) -> None:
        """From now on a connection is made, and asked a first question."""
        self.late = False
        self._until = time.monotonic() + seconds

    def proved(self) -> None:
        """The server has answered; from now on heartbeats tell whether it still does."""
        self._until = None

    def create_connection(
        self, address: tuple[str, int], hostname: str = "", timeout: float = 10.0, **_: Any
    ) -> socket.socket:
        """A connection to one server; raises ``OSError``."""
        context = self._contexts.get()
        connection = socket.create_connection(address, self._left(CONNECT))
        try:
            connection.settimeout(self._left(timeout))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                return connection
            name = self._contexts.server_name or hostname
            return context.wrap_socket(connection, server_hostname=name)
        except TimeoutError:
            self.late = True
            connection.close()
            raise
        except BaseException:
            connection.close()
            raise

    def select(
        self, read: list[Any], write: list[Any], _except: list[Any], timeout: float | None = None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Like ``select.select``, but sees what TLS has decrypted and nobody has taken yet.

        Raises kazoo's error for an answer that is late if a server has to prove itself by then.
        """
        timeout = self._left(timeout)
        ready = [one for one in read if isinstance(one, ssl.SSLSocket) and one.pending()]
        poll = select.poll()
        sockets = {}
        for wanted, events in ((read, select.POLLIN), (write, select.POLLOUT)):
            for one in wanted:
                sockets[one.fileno()] = one
                poll.register(one, events)
        waits = 0 if ready else -1 if timeout is None else max(0, timeout * 1000)
        found = [sockets[descriptor] for descriptor, _ in poll.poll(waits)]
        if not found and not ready:
            self._left(timeout)
        return (
            [one for one in read if one in found or one in ready],
            [one for one in write if one in found],
            [],
        )

    def _left(self, timeout: float | None) -> float | None:
        """Seconds that may be waited now; raises kazoo's error if the time is over."""
        if self._until is None:
            return timeout
        left = self._until - time.monotonic()
        if left <= 0:
            self.late = True
            raise self.timeout_exception("no answer in time")
        return left if timeout is None else min(timeout, left)
