"""Nodes with more habits than the plain ones: TLS, health, agents; and clients for them."""

import contextlib
import http.client
import http.server
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lighthouse.balancer import Outcome
from lighthouse.node import Node
from tests.requirements import require
from tests.software.haproxy_world import World
from tests.waiting import eventually

_HELLO = b"\x16"
"""The first byte of every TLS connection."""


def certificate(directory: Path, name: str = "localhost") -> Path:
    """A file with a fresh key and its own certificate, for this name and 127.0.0.1."""
    require("openssl")
    made = directory / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    key = directory / f"{name}.key"
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Site"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        healthy = self.server.healthy or not self.path.startswith("/health")
        body = b"OK" if self.path.startswith("/health") else self.server.name.encode()
        self.send_response(200 if healthy else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Site(http.server.ThreadingHTTPServer):
    """One HTTP server that answers with its port, and ``/health`` with OK or a 503.

    With a ``certificate`` it speaks TLS; ``plain`` counts who came without.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.healthy = True
        self.asked: list[str] = []
        self.plain = 0
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def name(self) -> str:
        return str(self.port)

    def node(self, weight: int = 1, host: str = "local", **metadata: Any) -> Node:
        keys = {key.replace("_", "-"): value for key, value in metadata.items()}
        return Node(host, "127.0.0.1", self.port, weight, keys)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._context is not None:
            first = request.recv(1, socket.MSG_PEEK)
            if not first:
                return
            if first != _HELLO:
                self.plain += 1
                return
            request = self._context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, *_: Any) -> None:
        """A connection that HAProxy has closed is no news."""


@contextlib.contextmanager
def sites(count: int, certificate: Path | None = None) -> Iterator[list[Site]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Site(certificate)) for _ in range(count)]


class Agent(socketserver.ThreadingTCPServer):
    """What HAProxy's ``agent-check`` asks: it says ``says`` to everybody."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Saying)
        self.says = "up"
        self.asked = 0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Saying(socketserver.BaseRequestHandler):
    server: Agent

    def handle(self) -> None:
        self.server.asked += 1
        self.request.sendall(f"{self.server.says}\n".encode())


class _OverUnix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self._path)


class Reply(str):
    """A body, with the status and the headers it came with."""

    status: int
    headers: dict[str, str]


def ask(
    where: int | str,
    path: str = "/",
    host: str | None = None,
    trust: Path | None = None,
    cookie: str = "",
) -> Reply:
    """A request to a port or a socket's path; ``trust``: over TLS, with this certificate."""
    connection: http.client.HTTPConnection
    if isinstance(where, str):
        connection = _OverUnix(where)
    elif trust is not None:
        context = ssl.create_default_context(cafile=str(trust))
        connection = http.client.HTTPSConnection("127.0.0.1", where, timeout=5, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", where, timeout=5)
    headers = {"Connection": "close"} | ({"Host": host} if host else {})
    headers |= {"Cookie": cookie} if cookie else {}
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        reply = Reply(answer.read().decode())
        reply.status = answer.status
        reply.headers = {name.lower(): value for name, value in answer.getheaders()}
        return reply
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()


def statuses(world: World, backend: str) -> dict[str, str]:
    """HAProxy's words for the state of each server of a backend, by the server's port."""
    return {row["addr"].rpartition(":")[2]: row["status"] for row in world.figures(backend)}


def weights(world: World, backend: str) -> dict[str, tuple[str, str]]:
    """(state in bits, weight) of each server of a backend, by the server's name."""
    rows = world.ask("show", "servers", "state", backend).splitlines()[2:]
    return {row.split()[3]: (row.split()[6], row.split()[7]) for row in rows if row.strip()}


def compare(world: World) -> None:
    """Have the plugin compare all servers with what they should be, now."""
    reconciler = world.plugin._reconciler
    assert reconciler is not None
    reconciler.parity.due = 0.0
    world.wake(0)
    while not reconciler.parity.is_at_end():
        world.wake(0.05)


def readopted(world: World) -> Outcome:
    """What a new worker makes of the same clusters, after the former one was killed."""
    world.restart_worker()
    return world.sync(*world.clusters)


def until_applied(world: World, outcome: Outcome) -> None:
    """Let the plugin's timers run until a reload that waits has been done."""
    if outcome.kind == "held":
        eventually(lambda: (o := world.wake()) is not None and o.kind == "applied", 15)
    else:
        assert outcome.kind == "applied", outcome
