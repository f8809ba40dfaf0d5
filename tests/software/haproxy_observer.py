"""Nodes that note how they are spoken to: at every loopback address, by a check or a request.

One port serves plain text and TLS, with and without a PROXY header, whatever comes.
"""

import contextlib
import socket
import ssl
import threading
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_HELLO = b"\x16"
_AGENT = b"up\n"


class Observation(NamedTuple):
    """A connection or a request: its path, who came, and in which clothes."""

    path: str
    source: str
    proxy: str = ""
    tls: str = ""
    sni: str | None = None
    alpn: str | None = None


class Observer:
    """Answers at ``port`` of every loopback address, and as an agent at ``agent``.

    ``seen`` are the observations by the address that was asked. Those who ask for ``/hold``
    wait for ``release``; ``/bad`` is answered with an error.
    """

    def __init__(self, certificate: Path) -> None:
        self.seen: defaultdict[str, set[Observation]] = defaultdict(set)
        self.held: defaultdict[str, int] = defaultdict(int)
        self.release = threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.set_alpn_protocols(["http/1.1"])
        self._context.sni_callback = _note_sni
        self._lock = threading.Lock()
        self._http = socket.create_server(("0.0.0.0", 0), backlog=512)
        self._agent = socket.create_server(("0.0.0.0", 0), backlog=512)
        self.port: int = self._http.getsockname()[1]
        self.agent: int = self._agent.getsockname()[1]
        for listener, serve in ((self._http, self._serve), (self._agent, _tell)):
            threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()

    def __enter__(self) -> "Observer":
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        for listener in (self._http, self._agent):
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _serve(self, client: socket.socket) -> None:
        here, source = client.getsockname()[0], client.getpeername()[0]
        proxy = _proxy_header(client)
        start = Observation("connect", source, proxy)
        if client.recv(1, socket.MSG_PEEK) == _HELLO:
            client = self._context.wrap_socket(client, server_side=True)
            sni = getattr(client, "asked_for", None)
            alpn = client.selected_alpn_protocol()
            start = Observation("connect", source, proxy, client.version() or "", sni, alpn)
        with client:
            self._answer(client, here, start)

    def _answer(self, client: socket.socket, here: str, start: Observation) -> None:
        self._note(here, start)
        while path := _path(client):
            self._note(here, start._replace(path=path))
            if path == "/hold":
                with self._lock:
                    self.held[here] += 1
                self.release.wait(30)
            status = "500 Bad" if path == "/bad" else "200 OK"
            body = here.encode()
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)

    def _note(self, here: str, observation: Observation) -> None:
        with self._lock:
            self.seen[here].add(observation)


def _accept(listener: socket.socket, serve: object) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_guarded, args=(serve, client), daemon=True).start()


def _guarded(serve: object, client: socket.socket) -> None:
    """Who comes may go at any moment."""
    assert callable(serve)
    client.settimeout(30)
    with contextlib.suppress(OSError), client:
        serve(client)


def _tell(client: socket.socket) -> None:
    client.sendall(_AGENT)


def _note_sni(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    connection.asked_for = name  # type: ignore[attr-defined]


def _proxy_header(client: socket.socket) -> str:
    """Take a PROXY header off a connection: its version, empty if there is none."""
    start = client.recv(len(_V2), socket.MSG_PEEK)
    if start == _V2:
        head = client.recv(16, socket.MSG_WAITALL)
        client.recv(int.from_bytes(head[14:16], "big"), socket.MSG_WAITALL)
        return "v2"
    if start.startswith(b"PROXY "):
        while client.recv(1) != b"\n":
            pass
        return "v1"
    return ""


def _path(client: socket.socket) -> str:
    """The next request's path, empty at the end."""
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        if not piece:
            return ""
        text += piece
    return text.split()[1].decode()
