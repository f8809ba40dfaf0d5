"""Traffic to test the HAProxy balancer under: ``wrk``, long transfers and open TCP sessions.

What answers is fast enough not to be what is tested, and real: an HAProxy that returns at once,
reached at every loopback address.
"""

import contextlib
import http.client
import re
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from lighthouse.balancer import Outcome
from tests.ports import free_ports
from tests.software.haproxy_world import BINARIES, World
from tests.waiting import eventually

_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_DONE = re.compile(r"(\d+) requests in")


def drive(world: World, condition: Callable[[], object], within: float = 15.0) -> list[Outcome]:
    """Run the plugin's timers, as the worker does, until something holds; what it said."""
    said: list[Outcome] = []
    retry_at = [time.monotonic() + 1.0]

    def holds() -> bool:
        outcome = world.wake(0.05)
        if outcome is None and world.plugin.wake_after() is None:
            if time.monotonic() < retry_at[0]:
                return bool(condition())
            outcome = world.again()
        if outcome is not None:
            said.append(outcome)
            retry_at[0] = time.monotonic() + 1.0
        return bool(condition())

    eventually(holds, within, f"after {[(o.kind, o.reason) for o in said[-3:]]}")
    return said


class Answering:
    """A service at every address of the loopback device, each of which answers with itself.

    Its port is ``port``.
    """

    def __init__(self, directory: Path) -> None:
        (self.port,) = free_ports(1)
        config = directory / "answering.cfg"
        config.write_text(
            "global\n maxconn 5000\n"
            "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n"
            " timeout server 60s\n"
            f"frontend f\n bind 0.0.0.0:{self.port} interface lo\n"
            ' http-request return status 200 content-type text/plain lf-string "%[dst]"\n'
        )
        command = [BINARIES["wheel"], "-db", "-f", str(config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        eventually(self._answers)

    def _answers(self) -> bool:
        socket.create_connection(("127.0.0.1", self.port)).close()
        return True

    def __enter__(self) -> "Answering":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Wrk:
    """``wrk`` on one port, with kept connections and with ``Connection: close`` at once."""

    def __init__(self, port: int, connections: int = 10) -> None:
        common = ["wrk", "-t1", f"-c{connections}", "-d900s", "--timeout", "10s"]
        url = f"http://127.0.0.1:{port}/"
        self._processes = [
            subprocess.Popen([*common, *more, url], stdout=subprocess.PIPE, text=True)
            for more in ((), ("-H", "Connection: close"))
        ]
        self.requests = 0
        self.failures: list[str] = []

    def __enter__(self) -> "Wrk":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            said = process.communicate(timeout=30)[0]
            done = _DONE.search(said)
            assert done or kind, said
            self.requests += int(done[1]) if done else 0
            self.failures += [m.group() for p in (_ERRORS, _STATUS) if (m := p.search(said))]


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(4096):
                self.request.sendall(data)


class _Slow(socketserver.StreamRequestHandler):
    """Answers with a body that ends only when the test does."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        self.wfile.write(head)
        while not self.server.over.wait(0.05):  # type: ignore[attr-defined]
            self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")


class _Service(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.over = threading.Event()
        self.port = int(self.server_address[1])
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A connection that was cut is told by the session at the other end."""


class Long:
    """Sessions that last: downloads through one port, exchanges of lines through another.

    ``echo`` and ``slow`` are the ports of the services that are to be behind them.
    """

    def __init__(self) -> None:
        self._echo, self._slow = _Service(_Echo), _Service(_Slow)
        self.echo, self.slow = self._echo.port, self._slow.port
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.finished = 0
        self.exchanges = 0
        self.failures: list[str] = []

    def open(self, http: int, tcp: int, count: int = 3) -> None:
        """Begin so many downloads and exchanges, all of them under way when this returns."""
        before = len(self._threads)
        begun = threading.Semaphore(0)
        for _ in range(count):
            for run, port in ((self._download, http), (self._exchange, tcp)):
                thread = threading.Thread(target=self._session, args=(run, port, begun))
                self._threads.append(thread)
                thread.start()
        for _ in range(len(self._threads) - before):
            assert begun.acquire(timeout=20), self.failures

    def finish(self) -> None:
        """Let all come to their ends."""
        self._over.set()
        self._slow.over.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "a session hangs"

    def close(self) -> None:
        self.finish()
        for service in (self._echo, self._slow):
            service.shutdown()
            service.server_close()

    def _session(
        self,
        run: Callable[[int, Callable[[], object]], None],
        port: int,
        begun: threading.Semaphore,
    ) -> None:
        try:
            run(port, begun.release)
            self.finished += 1
        except (OSError, http.client.HTTPException, AssertionError) as error:
            self.failures.append(f"{run.__name__}: {error!r}")

    def _download(self, port: int, begun: Callable[[], object]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        assert answer.read(10)
        begun()
        answer.read()
        connection.close()

    def _exchange(self, port: int, begun: Callable[[], object]) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            number = 0
            while True:
                line = f"{number}\n".encode()
                connection.sendall(line)
                assert connection.recv(100) == line
                number += 1
                self.exchanges += 1
                if number == 1:
                    begun()
                if self._over.wait(0.05):
                    return


def admin_states(world: World, backend: str) -> dict[str, int]:
    """The bits of the administrative state of each server of a backend."""
    rows = world.ask("show", "servers", "state", backend).splitlines()[2:]
    return {row.split()[3]: int(row.split()[6]) for row in rows if row.strip()}


def running_servers(world: World) -> dict[str, set[str]]:
    """``ip:port`` of the servers that take traffic, by backend."""
    found: dict[str, set[str]] = {}
    for row in world.ask("show", "servers", "state").splitlines()[2:]:
        fields = row.split()
        if fields:
            servers = found.setdefault(fields[1], set())
            if not int(fields[6]) & 0x23:
                servers.add(f"{fields[4]}:{fields[18]}")
    return found


def filed_servers(text: str) -> dict[str, set[str]]:
    """``ip:port`` of the servers in a file that are not disabled, by backend."""
    found: dict[str, set[str]] = {}
    backend = ""
    for line in text.splitlines():
        if line.startswith("backend "):
            backend = line.split()[1]
            found[backend] = set()
        elif line.startswith("    server ") and not line.endswith(" disabled"):
            found[backend].add(line.split()[2])
    return found


def wanted_servers(world: World) -> dict[str, set[str]]:
    """``ip:port`` of the nodes that the last clusters had, by cluster."""
    return {c.name: {f"{n.ip}:{n.port}" for n in c.nodes} for c in world.clusters}


@contextlib.contextmanager
def unstartable() -> Iterator[dict[str, Any]]:
    """Settings that pass every trial and fail in the middle of a reload.

    An address is somebody else's, and with ``interface`` nobody but HAProxy can tell.
    """
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        yield {"stats": {"port": port, "bind_options": "interface lo"}}


def is_gone(pid: int) -> bool:
    """Whether a process has ended, and with it all that it held open."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def old_workers(world: World) -> list[int]:
    """The pids of replaced workers that still live."""
    found = world.plugin._reconciler
    seen = found.control.processes() if found else None
    return [old.pid for old in seen.old] if seen else []
