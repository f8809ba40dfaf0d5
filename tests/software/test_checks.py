"""The checks against real servers on loopback, well-behaved and hostile ones."""

import contextlib
import http.server
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from lighthouse.check import Check, Result
from lighthouse.exec.check import ExecCheck
from lighthouse.http.check import HttpCheck
from lighthouse.tcp.check import TcpCheck
from tests.waiting import eventually

HOST = "127.0.0.1"


def probe(
    kind: type[Check], config: dict[str, Any], port: int, timeout: float = 5.0, host: str = HOST
) -> Result:
    kind.validate_config(config)
    check = kind()
    check.apply_config(config)
    result = check.perform(host, port, timeout)
    assert result.reason.isprintable()
    assert 0 < len(result.reason) <= 200
    return result


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code = int(self.path.strip("/") or 200)
        body = f"hello {self.headers['Host']} {self.headers.get('X-Token', '')}".encode()
        self.send_response(code)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """An HTTP server; its port."""
    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def speaking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what ``talk`` says; its port."""
    listener = socket.create_server((HOST, 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    talk(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    with serving() as port:
        yield port


def unused() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("config", "passing", "reason"),
    [
        ({}, True, "status 200 OK"),
        ({"uri": "/204"}, True, "status 204"),
        ({"uri": "/302"}, True, "status 302"),
        ({"uri": "/404"}, False, "status 404 Not Found, expected 200-399"),
        ({"uri": "/503"}, False, "status 503"),
        ({"uri": "/503", "status": [200, "500-503"]}, True, "status 503"),
        ({"status": "300-399"}, False, "expected 300-399"),
        ({"method": "HEAD"}, True, "status 200"),
        ({"method": "POST"}, True, "status 200"),
        ({"body": "hello"}, True, "body as expected"),
        ({"body": "good\nbye"}, False, "the body lacks"),
        ({"body_regex": r"^hello 127\.0\.0\.1:\d+ $"}, True, "body as expected"),
        ({"body_regex": "x$"}, False, "does not match"),
        ({"method": "HEAD", "body": "hello"}, False, "lacks"),
        ({"headers": {"Host": "shop.example", "X-Token": 7}, "body": "shop.example 7"}, True, ""),
        ({"tls": True}, False, "TLS failed"),
    ],
)
def test_http(web: int, config: dict[str, Any], passing: bool, reason: str) -> None:
    result = probe(HttpCheck, config, web)
    assert (result.passing, reason in result.reason) == (passing, True), result


def test_http_by_name(web: int) -> None:
    assert probe(HttpCheck, {}, web, host="localhost").passing


def test_nobody_listens() -> None:
    port = unused()
    for kind in (HttpCheck, TcpCheck):
        result = probe(kind, {}, port)
        assert result == Result(False, "no connection: Connection refused")


def test_a_host_without_address() -> None:
    result = probe(TcpCheck, {}, 80, timeout=3.0, host="nowhere.invalid")
    assert not result.passing
    assert result.reason.startswith("no connection")


def drip(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(0.02)

    return talk


def flood(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def listen_only(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


@pytest.mark.parametrize(
    ("talk", "config"),
    [
        (listen_only, {}),
        (drip(b"", b"H"), {}),
        (drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), {}),
        (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), {}),
        (drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), {"body": "ready"}),
        (listen_only, {"tls": {"verify": False}}),
    ],
)
def test_http_takes_no_longer_than_its_timeout(
    talk: Callable[[socket.socket], None], config: dict[str, Any]
) -> None:
    with speaking(talk) as port:
        start = time.monotonic()
        result = probe(HttpCheck, config, port, timeout=0.3)
        took = time.monotonic() - start
    assert not result.passing
    assert took < 3.0, took


def test_an_endless_body_is_read_no_further_than_needed() -> None:
    with speaking(flood) as port:
        assert probe(HttpCheck, {}, port).passing
        assert "lacks" in probe(HttpCheck, {"body": "ready"}, port).reason
        assert probe(HttpCheck, {"body": "xxxx"}, port).passing


def say(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff\x1b[31m" * 100 + b"\n",
        b"220 smtp.example ESMTP\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nready",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 503 \x1b]0;owned\x07\r\n\r\n",
    ],
)
def test_http_garbage_is_not_passing(answer: bytes) -> None:
    with speaking(say(answer)) as port:
        assert not probe(HttpCheck, {"body": "ready"}, port, timeout=2.0).passing


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for lighthouse.test, with its key, in one file."""
    path = tmp_path_factory.mktemp("tls")
    name = "-subj /CN=lighthouse.test -addext subjectAltName=DNS:lighthouse.test"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 {name}".split()
    files = ["-keyout", str(path / "key.pem"), "-out", str(path / "cert.pem")]
    made = subprocess.run([*command, *files], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    both = path / "both.pem"
    both.write_bytes((path / "cert.pem").read_bytes() + (path / "key.pem").read_bytes())
    return both


@pytest.mark.parametrize("kind", [HttpCheck, TcpCheck])
def test_tls(kind: type[Check], certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusted: dict[str, Any] = {"ca_file": str(certificate), "server_name": "lighthouse.test"}
    mutual = {**trusted, "cert_file": str(certificate)}
    with serving(context) as port:
        refused = probe(kind, {"tls": True}, port)
        assert not refused.passing
        assert "certificate refused" in refused.reason
        assert probe(kind, {"tls": {"verify": False}}, port).passing
        assert probe(kind, {"tls": trusted}, port).passing
        assert probe(kind, {"tls": mutual}, port).passing
        misnamed = probe(kind, {"tls": {"ca_file": str(certificate)}}, port)
        assert "certificate refused" in misnamed.reason
        missing = probe(kind, {"tls": {"ca_file": "/nonexistent/ca.pem"}}, port)
        assert "No such file" in missing.reason


def test_tcp() -> None:
    def redis(connection: socket.socket) -> None:
        if connection.recv(100) == b"PING\r\n":
            connection.sendall(b"+PO")
            time.sleep(0.02)
            connection.sendall(b"NG\r\n")

    with speaking(redis) as port:
        assert probe(TcpCheck, {}, port) == Result(True, "connected")
        assert probe(TcpCheck, {"query": "PING\r\n", "response": "+PONG"}, port).passing
        other = probe(TcpCheck, {"query": "PING\r\n", "response": "+OK"}, port)
        assert other == Result(False, "the expected answer is not among 7 bytes")
    with speaking(drip(b"", b"x")) as port:
        start = time.monotonic()
        assert not probe(TcpCheck, {"response": "ready"}, port, timeout=0.3).passing
        assert time.monotonic() - start < 3.0
        assert probe(TcpCheck, {"response": "xxxxxx"}, port).passing


@pytest.mark.parametrize(
    ("config", "passing", "reason"),
    [
        ({"command": "true"}, True, "exit status 0"),
        ({"command": ["false"]}, False, "exit status 1"),
        ({"command": "sh -c 'exit 3'", "status": [0, 3]}, True, "exit status 3"),
        ({"command": "sh -c 'echo one; echo two >&2; echo; exit 2'"}, False, "status 2: two"),
        ({"command": "sh -c 'kill -9 $$'"}, False, "ended by signal 9"),
        ({"command": "/nonexistent/command"}, False, "cannot be run"),
        ({"command": ["printf", "\\033[31m\\377\\000red"]}, True, "\\x1b[31m"),
        ({"command": ["seq", "100000"]}, True, "exit status 0: 100000"),
        ({"command": "sh -c 'echo $LEVEL $LIGHTHOUSE_HOST:$LIGHTHOUSE_PORT'"}, True, "0.1:80"),
        ({"command": ["sh", "-c", "echo $A"], "env": {"A": "$(id)"}}, True, "0: $(id)"),
        ({"command": ["cat"]}, True, "exit status 0"),
    ],
)
def test_exec(config: dict[str, Any], passing: bool, reason: str) -> None:
    result = probe(ExecCheck, config, 80)
    assert (result.passing, reason in result.reason) == (passing, True), result


def children() -> list[psutil.Process]:
    """What commands have left; helpers that are kept for the next probe are no part of it."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if not {"-I", "-S"} <= {*child.cmdline()}]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("script", ["sleep 60 & sleep 60", "trap '' TERM; yes", "exec sleep 60"])
def test_exec_is_killed_as_a_whole_at_its_timeout(script: str, tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    start = time.monotonic()
    command = ["sh", "-c", f"echo $$ > {pids}; {script}"]
    result = probe(ExecCheck, {"command": command}, 80, timeout=0.5)
    assert time.monotonic() - start < 4.0
    assert not result.passing
    assert result.reason.startswith("killed after 0.5 s")
    group = int(pids.read_text())
    eventually(lambda: not any(in_group(process, group) for process in psutil.process_iter()))
    assert not children()


def in_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.Error):
        return False


def test_exec_does_not_wait_for_who_else_holds_its_output(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 60 & echo $! > {pids}; echo done"]
    start = time.monotonic()
    result = probe(ExecCheck, {"command": command}, 80, timeout=30.0)
    assert time.monotonic() - start < 10.0
    assert result == Result(True, "exit status 0: done")
    eventually(lambda: gone(int(pids.read_text())), what="the background child is killed")


def test_exec_dies_with_its_worker(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    program = (
        "import threading; from lighthouse.exec.check import ExecCheck\n"
        f"check = ExecCheck(); check.apply_config({{'command': "
        f"['sh', '-c', 'echo $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 60']}})\n"
        "threading.Thread(target=check.perform, args=('127.0.0.1', 80, 50.0)).start()\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program])
    try:
        pid = int(eventually(lambda: pids.exists() and pids.read_text()))
        assert not gone(pid)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    eventually(lambda: gone(pid), what="the command is killed")


def test_exec_signals_are_not_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = probe(ExecCheck, {"command": "sh -c 'kill -INT $$; sleep 0.1'"}, 80)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.reason == "ended by signal 2"
