"""Nodes with more habits than the plain ones: TLS, health, agents; and clients for them."""

import http.client
import http.server
import socket
import socketserver
import ssl
import subprocess
import threading
from pathlib import Path

from lighthouse.balancer import Outcome
from tests.requirements import require
from tests.software.haproxy_world import World
from tests.waiting import eventually


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
    reconciler.drift.due = 0.0
    world.wake(0)
    while not reconciler.drift.is_at_end():
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
