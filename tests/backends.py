"""HTTP services of a test's own: what HAProxy and checks find behind a cluster."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lighthouse.node import Node

_HELLO = b"\x16"
"""The first byte of every TLS connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Backend"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        about_health = self.path.startswith("/health")
        body = b"OK" if about_health else self.server.name.encode()
        self.send_response(200 if self.server.healthy or not about_health else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Backend(ThreadingHTTPServer):
    """One service at every address of the loopback device; it answers with its name.

    Without a name that is its port. ``/health`` is answered with OK, or 503 if it is not
    ``healthy``. With a ``certificate`` it speaks TLS; ``plain`` counts who came without.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str = "", port: int = 0, certificate: Path | None = None) -> None:
        super().__init__(("0.0.0.0", port), _Handler)
        self.port = int(self.server_address[1])
        self.name = name or str(self.port)
        self.healthy = True
        self.asked: list[str] = []
        self.plain = 0
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def node(self, weight: int = 1, host: str = "local", **metadata: Any) -> Node:
        keys = {key.replace("_", "-"): value for key, value in metadata.items()}
        return Node(host, "127.0.0.1", self.port, weight, keys)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        super().server_bind()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._context is None:
            super().finish_request(request, client_address)
        elif first := request.recv(1, socket.MSG_PEEK):
            if first == _HELLO:
                with self._context.wrap_socket(request, server_side=True) as secured:
                    super().finish_request(secured, client_address)
            else:
                self.plain += 1

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news."""


class Backends:
    """Several of them; ``nodes`` are theirs, in order."""

    def __init__(self, count: int) -> None:
        self.servers = [Backend() for _ in range(count)]
        self.nodes = [server.node() for server in self.servers]

    def close(self) -> None:
        for server in self.servers:
            server.close()


@contextlib.contextmanager
def serving(count: int, certificate: Path | None = None) -> Iterator[list[Backend]]:
    """So many backends, closed in the end."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Backend(certificate=certificate)) for _ in range(count)]
