"""A connection whose whole life fits into one time limit.

A socket's own timeout starts anew with every call, so that a server which sends a byte now
and then holds its client for ever. Here every call gets what is left of the total.
"""

import contextlib
import queue
import socket
import ssl
import threading
import time
from typing import Any, Final

from lighthouse.net.tls import Contexts
from lighthouse.text import one_line

_SAID: Final = 150

Address = tuple[socket.AddressFamily, Any]


class Deadline:
    """A moment to be ready by, ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._at: Final = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain, more than 0; raises ``TimeoutError`` if none do."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class BoundedConnection:
    """A connected TCP socket, with TLS if asked for; every call may raise ``OSError``."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket: Final = sock
        self._deadline = deadline

    @classmethod
    def open(
        cls, host: str, port: int, contexts: Contexts, deadline: Deadline
    ) -> "BoundedConnection":
        """Connect to the first of the host's addresses that answers."""
        context = contexts.get()
        sock = _connect(resolve(host, port, deadline), deadline)
        if context is None:
            return cls(sock, deadline)
        try:
            sock.settimeout(deadline.left())
            name = contexts.server_name or host
            return cls(context.wrap_socket(sock, server_hostname=name), deadline)
        except OSError:
            sock.close()
            raise

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        """How many bytes came, at least one; 0 at the end."""
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)

    def renew(self, deadline: Deadline) -> None:
        """From now on calls have until then: for who keeps a connection for several questions."""
        self._deadline = deadline

    def interrupt(self) -> None:
        """End, from another thread, whatever call is waiting; it finds the connection closed."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


def resolve(host: str, port: int, deadline: Deadline) -> list[Address]:
    """The addresses of a host; a resolver that hangs is left behind at the deadline."""
    try:
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    answers: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_addresses(host, port, 0))
        except OSError as error:
            answers.put(error)
        except UnicodeError as error:
            answers.put(OSError(str(error)))

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise OSError(f"no address for {host} in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


def _connect(addresses: list[Address], deadline: Deadline) -> socket.socket:
    """A connection to one of them; each gets its share of the time that is left."""
    last: OSError = OSError("no address")
    for index, (family, address) in enumerate(addresses):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left() / (len(addresses) - index))
            sock.connect(address)
            # Several small messages one after the other would else cost 40 ms each.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    raise last


def said(error: Exception) -> str:
    """An error of a connection in a part of a line."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"certificate refused: {error.verify_message}"
    elif isinstance(error, ssl.SSLError):
        text = f"TLS failed: {error.reason or error}"
    elif isinstance(error, OSError):
        text = error.strerror or str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return one_line(text, _SAID)
