"""The status page of a real daemon, as clients of every kind see it: no browser is needed here."""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Fleet, get, running
from tests.ports import free_port
from tests.recorder import SOURCE
from tests.waiting import eventually

TOKEN = "0123456789abcdef0123"
HOSTILE = "<img src=x onerror=alert(1)>"


class Events:
    """A reader of the event stream, one event at a time."""

    def __init__(self, port: int, last: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request("GET", "/events", headers={"Last-Event-ID": last} if last else {})
        self.answer = self.connection.getresponse()
        assert self.answer.getheader("content-type") == "text/event-stream; charset=utf-8"
        self.last = last

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next event's kind and content."""
        kind, content = "", {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                content = json.loads(value)
            elif name == "id":
                self.last = value
            elif not line and kind:
                return kind, content

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


class Page:
    """A running daemon that serves its page at ``port``."""

    def __init__(self, fleet: Fleet, token_file: Path) -> None:
        self.fleet = fleet
        self.port = free_port()
        fleet.plugin("recorder", SOURCE)
        fleet.write("balancers/recorder.yaml", {"path": str(fleet.record)})
        fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": {}})
        (fleet.nodes / "web").mkdir()
        fleet.node("web", "n1", 1001, metadata={"zone": "b"})
        fleet.node("web", "n0", 1000, metadata={"zone": "c", "note": HOSTILE})
        fleet.write("services/api.yaml", {"port": free_port(), "discovery": "files"})
        places = {"run_dir": str(fleet.run_dir), "state_dir": str(fleet.root / "state")}
        web = {
            "listen": f"127.0.0.1:{self.port}",
            "token_file": str(token_file),
            "allowed_hosts": ["status.example.com"],
        }
        fleet.write("lighthouse.yaml", {**places, "advertise": "127.0.0.1", "web": web})
        fleet.start()
        eventually(lambda: self.rows("clusters")["web"]["nodes"] == "uu", 30)

    def rows(self, section: str) -> dict[str, Any]:
        status, text = get(self.port, f"/{section}.json")
        assert status == 200
        rows: dict[str, Any] = json.loads(text)["rows"]
        return rows

    def act(self, body: object, **headers: str) -> tuple[int, str]:
        """An order; the status and the message of its answer."""
        own = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        said = {**own, **{name.replace("_", "-"): text for name, text in headers.items()}}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            text = body if isinstance(body, str) else json.dumps(body)
            connection.request("POST", "/act", text, said)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["message"]
        finally:
            connection.close()

    def raw(self, request: bytes, within: float = 5.0) -> bytes:
        """What is answered to these bytes until the connection is closed, or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), within) as sock:
            sock.sendall(request)
            found = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                sock.settimeout(0.5)
                while piece := sock.recv(65536):
                    found += piece
            return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("page")
    token_file = root / "token"
    token_file.write_text(f"{TOKEN}\n")
    token_file.chmod(0o600)
    with running(root) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        yield Page(fleet, token_file)
        fleet.close()
        assert fleet.leftovers() == []


def test_every_view_has_an_address_and_a_twin(page: Page) -> None:
    for view in ("", "faults", "clusters", "services", "workers", "changes", "clusters/web"):
        status, text = get(page.port, f"/{view}")
        assert status == 200
        assert "<title>Lighthouse</title>" in text
    assert page.rows("clusters")["web"]["zones"] == ["b", "c"]
    assert page.rows("workers")["balancer/recorder"]["healthy"]
    assert next(iter(page.rows("services").values()))["service"] == "api"
    assert page.rows("faults") == {}
    opened = json.loads(get(page.port, "/clusters/web.json")[1])
    assert [(node["name"], node["state"]) for node in opened["nodes"]] == [
        ("n1:1001", "u"),
        ("n0:1000", "u"),
    ]
    assert opened["nodes"][0]["why"] == "in, and served"
    explained = json.loads(get(page.port, "/explain/web.json")[1])
    assert {node["name"] for node in explained["nodes"]} == {"n0:1000", "n1:1001"}
    status_document = json.loads(get(page.port, "/status.json")[1])
    assert status_document["version"] == 1


def test_all_that_the_page_needs_is_its_own(page: Page) -> None:
    text = get(page.port, "/")[1]
    assert "http:" not in text.replace("http://www.w3.org", "")
    assert "style=" not in text
    for name in ("main.js", "style.css", "icon.svg", "clusters.js"):
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
        connection.request("GET", f"/page/{name}")
        answer = connection.getresponse()
        body, tag = answer.read(), answer.getheader("etag") or ""
        assert answer.status == 200
        assert b"innerHTML =" not in body
        connection.request("GET", f"/page/{name}", headers={"If-None-Match": tag})
        again = connection.getresponse()
        assert (again.status, again.read()) == (304, b"")
        connection.close()


def test_a_reader_is_told_all_then_what_changes_and_may_go_on_where_it_was(page: Page) -> None:
    reader = Events(page.port)
    kind, content = reader.next()
    assert kind == "whole"
    assert content["rows"]["clusters"]["web"]["nodes"] == "uu"
    assert content["head"]["directory"] == str(page.fleet.config)
    path = page.fleet.node("web", "n2", 1002)
    clusters: dict[str, Any] = {}
    while "web" not in clusters:
        kind, content = reader.next()
        assert kind == "delta"
        clusters = content["rows"].get("clusters", {})
    assert clusters["web"]["nodes"] == "uuu"
    reader.close()
    path.unlink()
    eventually(lambda: page.rows("clusters")["web"]["nodes"] == "uu", 10)
    resumed = Events(page.port, reader.last)
    kind, content = resumed.next()
    assert kind == "delta"
    assert content["rows"]["clusters"]["web"]["nodes"] == "uu"
    resumed.close()
    stranger = Events(page.port, "ffffffff-3")
    assert stranger.next()[0] == "whole"
    stranger.close()


def test_readers_that_are_gone_make_room_for_others(page: Page) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", page.port), 5) as sock:
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200 OK")
    reader = Events(page.port)
    assert reader.next()[0] == "whole"
    reader.close()
    eventually(lambda: page.fleet.worker("web", "web")["status"]["watching"] == 0, 10)


def test_who_knows_the_token_may_act_and_nobody_else(page: Page) -> None:
    down = {"type": "down", "service": "api", "reason": HOSTILE, "minutes": 5}
    assert page.act(down, Authorization="Bearer wrong-wrong-wrong-wrong") == (
        401,
        "that is not the token",
    )
    assert page.act(down, Authorization="")[0] == 401
    assert page.act(down, Origin="http://evil.example.com")[0] == 403
    assert page.act(down, Sec_Fetch_Site="cross-site")[0] == 403
    assert page.act(down, Content_Type="text/plain")[0] == 415
    assert page.rows("services").popitem()[1]["maintenance"] is None
    assert page.act(down, Origin=f"http://127.0.0.1:{page.port}") == (200, "done")
    kept = page.rows("services").popitem()[1]["maintenance"]
    assert kept["reason"] == HOSTILE
    assert kept["by"].startswith("the status page (uid ")
    assert kept["until"] > time.time() + 200
    assert page.act({"type": "up", "service": "api"}) == (200, "done")
    assert page.act({"type": "down", "service": "nosuch"})[0] == 409
    for odd in ("{", "[]", '{"type": "leave"}', json.dumps({**down, "more": 1}), "x" * 9000):
        assert page.act(odd)[0] in (400, 413)
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
        connection.request(method, "/act")
        assert connection.getresponse().status == 404
        connection.close()


def test_a_worker_is_restarted_by_order(page: Page) -> None:
    before = page.fleet.worker("files", "discovery")["pid"]
    order = {"type": "restart-worker", "kind": "discovery", "name": "files"}
    assert page.act(order) == (200, "discovery files is started anew")
    eventually(lambda: page.fleet.worker("files", "discovery")["pid"] not in (None, before), 20)
    assert page.act({**order, "name": "nosuch"})[0] == 409


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /page/..%2f..%2fapp.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /page/%2e%2e/app.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /clusters/%00 HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
        b"GET /status.json HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"GET /status.json HTTP/1.0\r\n\r\n",
        b"GET http://evil.example.com/status.json HTTP/1.1\r\nHost: evil.example.com\r\n\r\n",
        b"POST /act HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"\r\n" * 20_000,
        b"POST /act HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_odd_is_refused_and_tells_nothing(page: Page, request_line: bytes) -> None:
    answer = page.raw(request_line)
    status = answer.split(b" ")[1:2]
    assert status in ([], [b"400"], [b"403"], [b"404"], [b"415"], [b"421"], [b"431"]), answer
    assert b"recorder" not in answer
    assert b"import" not in answer
    assert get(page.port, "/clusters")[0] == 200


def test_who_calls_it_by_another_name_is_told_nothing(page: Page) -> None:
    answers = {}
    for name in ("evil.example.com", "status.example.com", f"127.0.0.1:{page.port}"):
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
        connection.request("GET", "/status.json", headers={"Host": name})
        answer = connection.getresponse()
        answers[name] = (answer.status, answer.read())
        assert "default-src 'none'" in (answer.getheader("content-security-policy") or "")
        connection.close()
    status, body = answers.pop("evil.example.com")
    assert status == 421
    assert b"allowed_hosts" in body
    assert b"recorder" not in body
    assert {status for status, _ in answers.values()} == {200}


def test_a_thousand_connections_hold_up_nobody(page: Page) -> None:
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(1000):
            sock = socket.create_connection(("127.0.0.1", page.port), 5)
            stack.enter_context(contextlib.closing(sock))
            sock.sendall(b"GET /status.json HTTP/1.1\r\nHost:")
            held.append(sock)
        began = time.monotonic()
        assert get(page.port, "/clusters")[0] == 200
        page.fleet.node("web", "late", 1099).unlink()
        assert page.rows("clusters")["web"]["level"] == "ok"
        assert time.monotonic() - began < 5
        poll = select.poll()
        for sock in held:
            poll.register(sock, select.POLLIN | select.POLLHUP | select.POLLERR)
        eventually(lambda: len(poll.poll(0)) > 800, what="being told that there is no room")
    assert page.fleet.worker("web", "web")["descriptors"] < 300


@pytest.mark.slow
def test_a_reader_that_takes_nothing_and_one_that_says_nothing_are_ended(page: Page) -> None:
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    slow.connect(("127.0.0.1", page.port))
    line = b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    slow.sendall(line * 60)
    silent = socket.create_connection(("127.0.0.1", page.port), 60)
    silent.sendall(b"POST /act HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1")
    began = time.monotonic()
    assert silent.recv(65536)[:12] in (b"HTTP/1.1 415", b"")
    silent.close()

    def connections() -> int:
        count: int = page.fleet.worker("web", "web")["status"]["connections"]
        return count

    eventually(lambda: connections() > 0, 20, "the slow reader is counted")
    eventually(lambda: connections() == 0, 60)
    assert time.monotonic() - began > 4
    slow.close()


@pytest.mark.slow
def test_readers_hear_a_beat_though_nothing_happens_and_the_daemon_hangs(page: Page) -> None:
    reader = Events(page.port)
    assert reader.next()[0] == "whole"
    assert page.fleet.daemon is not None
    os.kill(page.fleet.daemon.pid, signal.SIGSTOP)
    try:
        while (said := reader.next())[0] != "beat":
            pass
        assert time.time() - said[1]["made_at"] > 10
        assert "lighthouse_status_age_seconds" in get(page.port, "/metrics")[1]
    finally:
        os.kill(page.fleet.daemon.pid, signal.SIGCONT)
    reader.close()
