"""What an operator is told when the ZooKeeper discovery cannot do its work, and that it mends."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port, free_ports
from tests.software.haproxy_sites import certificate
from tests.software.zookeeper_plugin import Driver, driving, record, service
from tests.software.zookeeper_world import Ensemble, Server, client, ensemble
from tests.waiting import eventually

pytestmark = pytest.mark.needs("zookeeper")

ADD_WATCH = 106
UNKNOWN = 999


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    with ensemble(tmp_path_factory.mktemp("zookeeper")) as made, client(made) as zk:
        zk.create("/services/webapp/h:80", record("10.0.0.1"), makepath=True)
        yield made


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=[False, True], ids=["tls", "mutual"])
def secure(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pem: Path
) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("secure")
    made = Server(directory, certificate=pem, mutual=request.param).start()
    try:
        yield made.ready()
    finally:
        made.kill()


def told(driver: Driver, *words: str) -> None:
    """Wait until the reason has all of these words."""
    driver.until(lambda: all(word in driver.reason for word in words), f"{words}")
    assert driver.state == "suspended"
    assert "\n" not in driver.reason


def test_servers_that_cannot_be_reached_are_named_each_with_its_reason() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    closed = free_port()
    hosts = [f"127.0.0.1:{closed}", "no-such-host.invalid:2181", f"127.0.0.1:{port}"]
    with silent, driving(hosts=hosts, path="/services", session_timeout=1.5) as driver:
        told(
            driver,
            "no server takes us: ",
            f"127.0.0.1:{closed}: connection refused",
            "no-such-host.invalid:2181: its name cannot be resolved",
            f"127.0.0.1:{port}: no answer in time",
            "; trying again",
        )
        assert driver.status["connection"].startswith("suspended: no server takes us")
        assert driver.readings == []


def test_servers_that_stay_away_are_told_of_once() -> None:
    ports = sorted(free_ports(4))
    hosts = [f"127.0.0.1:{port}" for port in ports]
    with driving(hosts=hosts, path="/services") as driver:
        driver.until(lambda: driver.states, "told")
        driver.turns(4)
        together = f"{', '.join(hosts)}: connection refused"
        assert driver.states == [("suspended", f"no server takes us: {together}; trying again")]


def test_a_server_that_comes_later_is_found(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with driving(hosts=[server.host], path="/") as driver:
        driver.plugin.start_watching("webapp")
        told(driver, "connection refused")
        server.start()
        try:
            driver.until(lambda: driver.state == "connected", "connected")
            driver.until(lambda: driver.readings, "a reading")
            assert driver.nodes("webapp") == set()
        finally:
            server.kill()


def test_tls_with_everything_right(secure: Server, pem: Path) -> None:
    own = {"cert_file": str(pem)} if secure.mutual else {}
    tls = {"ca_file": str(pem), **own}
    hosts = [f"localhost:{secure.secure_port}"]
    with driving(hosts=hosts, path="/tls", tls=tls) as driver:
        driver.connected().up(service("webapp", "first"))
        driver.watch("webapp")
        for number in range(50):
            driver.up(service("webapp", "me", 1000 + number))
        driver.until(lambda: len(driver.nodes("webapp")) == 51, "registered and read", 5)
        assert [state for state, _ in driver.states] == ["connected"], driver.states


def test_tls_with_something_wrong(secure: Server, pem: Path, tmp_path: Path) -> None:
    host = f"localhost:{secure.secure_port}"
    other = certificate(tmp_path, "elsewhere")
    own = {"cert_file": str(pem)} if secure.mutual else {}
    missing = tmp_path / "missing.pem"
    wrong: list[tuple[str, Any, str]] = [
        (host, {"ca_file": str(other), **own}, "its certificate is not accepted"),
        (host, {"ca_file": str(pem), "server_name": "elsewhere", **own}, "see 'ca_file' and"),
        (host, False, "it hangs up: no quorum, or a port that expects TLS"),
        (f"127.0.0.1:{secure.port}", {"ca_file": str(pem), **own}, "is this its secure port"),
        (host, {"ca_file": str(missing), **own}, f"{missing}: No such file or directory"),
    ]
    if secure.mutual:
        wrong.append((host, {"ca_file": str(pem)}, "see 'cert_file' of 'tls'"))
    for where, tls, reason in wrong:
        with driving(hosts=[where], path="/", tls=tls, session_timeout=2) as driver:
            told(driver, where, reason)
            if tls and tls["ca_file"] == str(missing):
                missing.write_bytes(pem.read_bytes())
                driver.until(lambda d=driver: d.state == "connected", "mended")


def test_a_password_that_is_not_there_yet(server: Ensemble, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    auth = {"user": "fleet", "password": {"file": str(secret)}}
    with driving(hosts=server.hosts, path="/services", auth=auth) as driver:
        told(driver, f"{secret}: No such file or directory")
        secret.write_text("something\n")
        driver.watch("webapp")
        assert driver.state == "connected"


def test_a_server_that_serves_only_clients_that_authenticate(tmp_path: Path) -> None:
    flags = ("enforce.auth.enabled=true", "enforce.auth.schemes=digest")
    server = Server(tmp_path, flags=[f"-Dzookeeper.{flag}" for flag in flags]).start()
    (tmp_path / "secret").write_text("something")
    auth = {"user": "fleet", "password": {"file": str(tmp_path / "secret")}}
    try:
        server.ready()
        with driving(hosts=[server.host], path="/") as driver:
            told(driver, f"{server.host}: it serves only clients that authenticate; give")
            driver.turns(1)
            assert {state for state, _ in driver.states} == {"suspended"}
        with driving(hosts=[server.host], path="/", auth=auth) as driver:
            driver.watch("webapp")
    finally:
        server.kill()


Rewrite = Callable[[bytes], bytes]


@contextlib.contextmanager
def between(port: int, asked: Rewrite, answered: Rewrite) -> Iterator[int]:
    """A way to a server on which frames are changed, but for the first in each direction."""

    def forward(source: socket.socket, target: socket.socket, rewrite: Rewrite) -> None:
        with contextlib.suppress(OSError):
            rest, first = b"", True
            while data := source.recv(65536):
                rest += data
                while len(rest) >= 4 and len(rest) >= 4 + struct.unpack("!i", rest[:4])[0]:
                    size = 4 + struct.unpack("!i", rest[:4])[0]
                    frame, rest = rest[:size], rest[size:]
                    target.sendall(frame if first else rewrite(frame))
                    first = False
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as sockets:
            while True:
                near = sockets.enter_context(listener.accept()[0])
                far = sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
                for pair in ((near, far, asked), (far, near, answered)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def same(frame: bytes) -> bytes:
    return frame


def test_a_server_that_is_too_old(server: Ensemble) -> None:
    """It knows no persistent watches: the request is one that the server has no name for."""

    def older(frame: bytes) -> bytes:
        if frame[8:12] == struct.pack("!i", ADD_WATCH):
            return frame[:8] + struct.pack("!i", UNKNOWN) + frame[12:]
        return frame

    with (
        between(server.servers[0].port, older, same) as way,
        driving(hosts=[f"127.0.0.1:{way}"], path="/services") as driver,
    ):
        driver.plugin.start_watching("webapp")
        told(driver, f"127.0.0.1:{way}: it is older than ZooKeeper 3.6", "upgrade it")
        driver.turns(1)
        assert {state for state, _ in driver.states} == {"suspended"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_connection_that_makes_no_sense_is_begun_anew(server: Ensemble) -> None:
    """kazoo's thread ends when an answer is not to what it asked."""
    spoilt: list[bytes] = []

    def spoil(frame: bytes) -> bytes:
        """The first answer that has data in it is to another question."""
        if len(spoilt) < 1 and b"10.0.0.1" in frame:
            spoilt.append(frame)
            return frame[:4] + struct.pack("!i", 7_777_777) + frame[8:]
        return frame

    with (
        between(server.servers[0].port, same, spoil) as way,
        driving(hosts=[f"127.0.0.1:{way}"], path="/services") as driver,
    ):
        driver.watch("webapp")
        assert driver.nodes("webapp") == {"h:80"}
        assert [state for state, _ in driver.states][-2:] == ["lost", "connected"]
    assert spoilt


def test_letting_go_does_not_wait_for_servers_that_do_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        with driving(hosts=[where], path="/", session_timeout=60) as driver:
            driver.turn()
            before = threading.active_count()
            driver.plugin.disconnect()
            assert driver.status == {"connection": "not connected"}
    eventually(lambda: threading.active_count() < before, 30)
