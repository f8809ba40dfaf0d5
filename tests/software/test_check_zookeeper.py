"""The zookeeper check against a real standalone server, and one that lost its quorum."""

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.check import Result
from lighthouse.zookeeper.check import ZookeeperCheck
from tests.ports import free_port
from tests.software.daemon import Daemon
from tests.software.probing import Probe, probe
from tests.waiting import eventually

JARS = Path("/usr/share/java/zookeeper.jar")
JAVA = shutil.which("java")
pytestmark = pytest.mark.needs("zookeeper")


class Server:
    """One server in a directory of its own."""

    def __init__(self, directory: Path, lines: list[str]) -> None:
        self.port = free_port()
        self._directory = directory
        data = directory / "data"
        data.mkdir(parents=True)
        (data / "myid").write_text("1\n")
        config = [
            f"dataDir={data}",
            f"clientPort={self.port}",
            "clientPortAddress=127.0.0.1",
            "admin.enableServer=false",
            "tickTime=500",
            "initLimit=10",
            "syncLimit=5",
            *lines,
        ]
        (directory / "zoo.cfg").write_text("\n".join(config) + "\n")

    def start(self, *options: str) -> "Server":
        assert JAVA is not None
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        memory = ["-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
        where = ["-cp", f"{JARS}:{JARS.parent}/*", main, str(self._directory / "zoo.cfg")]
        command = [JAVA, *memory, *options, *where]
        self.daemon = Daemon(command, self._directory / "log", env=dict(os.environ))
        return self

    def close(self) -> None:
        self.daemon.close(signal.SIGKILL)


@contextlib.contextmanager
def zookeeper(directory: Path, *lines: str, options: tuple[str, ...] = ()) -> Iterator[Server]:
    server = Server(directory, list(lines)).start(*options)
    try:
        yield server
    finally:
        server.close()


ENABLED = ("-Dreadonlymode.enabled=true",)

OPENING = (
    (44).to_bytes(4) + bytes(12) + (1000).to_bytes(4) + bytes(8) + (16).to_bytes(4) + bytes(16)
)
"""A client's first message, which asks for a session of 1 s."""


def client(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10)


def ask(port: int, word: str) -> str:
    """The answer to a four-letter word."""
    with client(port) as connection:
        connection.sendall(word.encode())
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        return answer.decode()


def sessions(port: int) -> int:
    found = re.search(r"Session Sets \(\d+\)/\((\d+)\)", ask(port, "dump"))
    assert found
    return int(found[1])


class Mute(socketserver.BaseRequestHandler):
    """Refuses srvr in ZooKeeper's own words, and passes everything else on.

    Since 3.5 no server can be told to refuse it; older ones and other keepers can.
    """

    def handle(self) -> None:
        first = self.request.recv(4)
        if first == b"srvr":
            self.request.sendall(b"srvr is not executed because it is not in the whitelist.\n")
            return
        with client(self.server.behind) as server, contextlib.suppress(OSError):  # type: ignore
            server.sendall(first)
            while True:
                for ready in select.select([self.request, server], [], [])[0]:
                    piece = ready.recv(4096)
                    if not piece:
                        return
                    (server if ready is self.request else self.request).sendall(piece)


@contextlib.contextmanager
def mute(behind: int) -> Iterator[int]:
    """The port of such a server in front of another."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mute) as server:
        server.daemon_threads = True
        server.behind = behind  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with zookeeper(tmp_path_factory.mktemp("zk"), "4lw.commands.whitelist=dump") as server:
        server.daemon.up(lambda: probe(ZookeeperCheck, {}, server.port).passing)
        yield server


def test_a_standalone_server(standalone: Server) -> None:
    found = probe(ZookeeperCheck, {}, standalone.port)
    assert found.passing
    assert found.reason.startswith("standalone, version 3.")
    assert found.metadata == {"role": "standalone"}
    assert probe(ZookeeperCheck, {"session": True}, standalone.port) == found


def test_nothing_is_left_behind(standalone: Server) -> None:
    repeated = Probe(ZookeeperCheck, {"session": True}, standalone.port)
    assert all(repeated().passing for _ in range(10))
    with client(standalone.port) as held:
        held.sendall(OPENING)
        assert held.recv(4)
        assert sessions(standalone.port) == 1, "only this one"
    eventually(lambda: sessions(standalone.port) == 0)


def test_a_hanging_server_takes_no_longer_than_the_timeout(standalone: Server) -> None:
    standalone.daemon.send(signal.SIGSTOP)
    try:
        assert probe(ZookeeperCheck, {}, standalone.port, 0.3) == Result(
            False, "no answer: timed out"
        )
    finally:
        standalone.daemon.send(signal.SIGCONT)
    assert probe(ZookeeperCheck, {}, standalone.port, 30.0).passing


def test_sessions_where_no_word_is_allowed(standalone: Server) -> None:
    with mute(standalone.port) as port:
        found = probe(ZookeeperCheck, {}, port)
        assert found == Result(True, "gives sessions; srvr is not in the server's whitelist")
        standalone.daemon.send(signal.SIGSTOP)
        try:
            assert not probe(ZookeeperCheck, {}, port, 0.3).passing
        finally:
            standalone.daemon.send(signal.SIGCONT)


@pytest.mark.slow
def test_without_a_quorum(tmp_path: Path) -> None:
    """The only one of three members: not serving, or serving read-only if that is enabled."""
    members = [f"server.{n}=127.0.0.1:{free_port()}:{free_port()}" for n in (1, 2, 3)]
    with zookeeper(tmp_path / "lost", *members) as server, mute(server.port) as muted:
        strict = Probe(ZookeeperCheck, {"read_only": True}, server.port)
        wanted = Result(False, "the server is not serving: it has no quorum, or is starting")
        eventually(lambda: strict() == wanted, 30.0)
        found = probe(ZookeeperCheck, {}, muted)
        assert found == Result(False, "the server closed the connection: it is not serving")
    local = [*members, "localSessionsEnabled=true", "localSessionsUpgradingEnabled=true"]
    for name, lines in (("read-only", local), ("no-sessions", members)):
        with zookeeper(tmp_path / name, *lines, options=ENABLED) as server:
            read_only(server.port, sessions_too=lines is local)


def read_only(port: int, sessions_too: bool) -> None:
    """What is found of a server that serves only reads, which gives local sessions only."""
    allowed = Probe(ZookeeperCheck, {"read_only": True}, port)
    found = eventually(lambda: found if (found := allowed()).passing else None, 30.0)
    assert found.metadata == {"role": "read-only"}
    strict = probe(ZookeeperCheck, {}, port)
    assert strict.reason == "read-only: the server has lost its quorum"
    assert not strict.passing
    with mute(port) as muted:
        opened = probe(ZookeeperCheck, {"read_only": True}, muted)
        if sessions_too:
            assert opened.passing
            assert opened.metadata == {"role": "read-only"}
        else:
            assert opened.reason == "the server refused a session: NotReadOnlyCallError"
        assert not probe(ZookeeperCheck, {}, muted).passing
