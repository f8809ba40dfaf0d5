"""Services that a check may meet: silent, slow, half, binary, empty, endless ones."""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Final

STEP: Final = 0.02
"""Seconds between two bytes of a slow answer."""

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"ok " * 500
"""What a fake service says where a test names no answer."""


DENIED: Final = b"denied\r\n"
"""What one with a password says to those who do not know it."""

_MOST_HEARD: Final = 65536


class FakeService:
    """Listens on loopback and treats every connection as ``behaviour`` says.

    ``answers`` says ``answer`` at once and closes. ``silent`` takes the connection and says
    nothing. ``slow`` sends the answer byte by byte. ``half`` stops amid the answer and closes;
    ``stuck`` stops there and keeps the connection. ``binary`` sends bytes that are no text.
    ``empty`` closes at once. ``endless`` sends without an end.

    With a ``password`` it does so only once a client has sent that, among whatever else, and
    turns others away with ``denied``.
    """

    def __init__(self, behaviour: str, answer: bytes = ANSWER, password: bytes = b"") -> None:
        self._act: Final = _ACTS[behaviour]
        self._answer: Final = answer
        self._password: Final = password
        self._over: Final = threading.Event()
        self._server: Final = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host: Final = "127.0.0.1"
        self.port: Final[int] = self._server.getsockname()[1]
        self._threads: Final = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> "FakeService":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more, and close every connection."""
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.5)
            try:
                if _sends(connection, self._password):
                    self._act(connection, self._answer, self._over)
                else:
                    connection.sendall(DENIED)
            except OSError:
                return  # the check has closed it


def _sends(connection: socket.socket, password: bytes) -> bool:
    """Return True if the client says the password before it falls silent or has said enough."""
    heard = b""
    while password not in heard and len(heard) < _MOST_HEARD:
        try:
            said = connection.recv(_MOST_HEARD)
        except TimeoutError:
            said = b""
        if not said:
            return False
        heard += said
    return password in heard


Act = Callable[[socket.socket, bytes, threading.Event], None]


def _answers(connection: socket.socket, answer: bytes, _over: threading.Event) -> None:
    connection.sendall(answer)


def _silent(_connection: socket.socket, _answer: bytes, over: threading.Event) -> None:
    over.wait()


def _slow(connection: socket.socket, answer: bytes, over: threading.Event) -> None:
    for byte in answer:
        if over.wait(STEP):
            return
        connection.sendall(bytes([byte]))


def _half(connection: socket.socket, answer: bytes, _over: threading.Event) -> None:
    connection.sendall(answer[: len(answer) // 2])


def _stuck(connection: socket.socket, answer: bytes, over: threading.Event) -> None:
    connection.sendall(answer[: len(answer) // 2])
    over.wait()


def _binary(connection: socket.socket, _answer: bytes, _over: threading.Event) -> None:
    connection.sendall(bytes(range(255, -1, -1)) * 8)


def _empty(_connection: socket.socket, _answer: bytes, _over: threading.Event) -> None:
    """Say nothing; the connection is closed."""


def _endless(connection: socket.socket, _answer: bytes, over: threading.Event) -> None:
    while not over.is_set():
        connection.sendall(os.urandom(16384))


_ACTS: Final[Mapping[str, Act]] = {
    "answers": _answers,
    "silent": _silent,
    "slow": _slow,
    "half": _half,
    "stuck": _stuck,
    "binary": _binary,
    "empty": _empty,
    "endless": _endless,
}

BEHAVIOURS: Final = tuple(_ACTS)
"""All of them by name."""
