"""Servers that misbehave, and certificates, for the tests of every check."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.ports import free_port

HOST = "127.0.0.1"


def unused() -> int:
    """A port that nobody listens at."""
    return free_port()


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for lighthouse.test, and its key."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    name = "-subj /CN=lighthouse.test -addext subjectAltName=DNS:lighthouse.test"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 {name}".split()
    files = ["-keyout", str(key), "-out", str(cert)]
    made = subprocess.run([*command, *files], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    return cert, key


def _silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def _dripping(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"+")
        time.sleep(0.02)


def _flooding(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 65536)


def _closing(connection: socket.socket) -> None:
    """Closes at once."""


def _saying(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            _silent(connection)

    return talk


BEHAVIOURS = {
    "silent": _silent,
    "dripping": _dripping,
    "flooding": _flooding,
    "closing": _closing,
    "empty": _saying(b""),
    "http": _saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "greeting": _saying(b"220 smtp.example ESMTP\r\n"),
    "binary": _saying(bytes(range(256)) * 40),
    "zeros": _saying(bytes(5000)),
    "ones": _saying(b"\xff" * 5000),
    "escapes": _saying(b"-ERR \x1b]0;owned\x07\x00\xff\r\n"),
    "huge length": _saying(b"$999999999999\r\nabc"),
}


def hostile(behaviour: str) -> contextlib.AbstractContextManager[int]:
    """A server that does with each connection what the behaviour's name says; its port."""
    return _serving(BEHAVIOURS[behaviour])


def speaking(answer: bytes) -> contextlib.AbstractContextManager[int]:
    """A server that answers so, whatever is said first; its port."""
    return _serving(_saying(answer))


@contextlib.contextmanager
def _serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    listener = socket.create_server((HOST, 0))
    over = threading.Event()
    held: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            talk(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                connection, _ = listener.accept()
                held.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
