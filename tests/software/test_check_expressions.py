"""An operator's regular expression on what a service answers."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from lighthouse.http.check import HttpCheck
from lighthouse.http.expressions import CPU, Expressions, TooCostly
from lighthouse.ipc.messages import Alive
from lighthouse.ipc.snapshot import CheckSnapshot
from lighthouse.net.connection import Deadline
from lighthouse.service import Probe
from tests.rig import Rig
from tests.software.probing import probe
from tests.waiting import eventually

ENDLESS = "^(a+)+$"
BODY = b"a" * 4000 + b"!"


@pytest.fixture
def port() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture
def expressions() -> Iterator[Expressions]:
    with contextlib.closing(Expressions()) as found:
        yield found


@pytest.mark.parametrize(
    ("pattern", "passing", "reason"),
    [
        ("a{3}!$", True, "status 200 OK, body as expected"),
        ("b", False, "status 200 OK, but the body does not match the expression"),
        (ENDLESS, False, "status 200 OK, but body_regex: the search takes more than 0.5 s of CPU"),
    ],
)
def test_a_search_ends(port: int, pattern: str, passing: bool, reason: str) -> None:
    found = probe(HttpCheck, {"body_regex": pattern}, port, timeout=20)
    assert (found.passing, found.reason[: len(reason)]) == (passing, reason)


def test_a_search_ends_with_the_time_of_its_probe(expressions: Expressions) -> None:
    assert expressions.search("b$", b"aab", Deadline(20))
    with pytest.raises(TooCostly, match="time is up"):
        expressions.search(ENDLESS, BODY, Deadline(CPU / 5))


def test_a_helper_that_was_killed_is_replaced_and_few_are_kept(expressions: Expressions) -> None:
    def helpers() -> list[psutil.Process]:
        return [p for p in psutil.Process().children() if "matcher.py" in str(p.cmdline())]

    before = set(helpers())
    assert expressions.search("b", b"ab", Deadline(20))
    (helper,) = set(helpers()) - before
    assert not expressions.search("c", b"ab", Deadline(20))
    assert set(helpers()) - before == {helper}
    os.kill(helper.pid, signal.SIGKILL)
    eventually(lambda: helper.status() == psutil.STATUS_ZOMBIE)
    assert expressions.search("b", b"ab", Deadline(20))
    threads = [
        threading.Thread(target=expressions.search, args=("b", b"ab", Deadline(20)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(set(helpers()) - before) <= 2


def test_an_endless_search_holds_up_no_other_probe(tmp_path: Path, port: int) -> None:
    """Nor the worker, which says that it lives; and nothing outlives it."""
    with Rig(tmp_path, "check", plugin="http") as rig:
        timing: dict[str, Any] = {"interval": 0.2, "timeout": 2.0}
        bad = Probe("bad", "127.0.0.1", port, {"body_regex": ENDLESS}, **timing)
        good = Probe("good", "127.0.0.1", port, {"body_regex": "a!"}, **timing)
        rig.deliver(CheckSnapshot((bad, good)))
        verdicts = rig.verdicts(lambda v: v["bad"].passing is False and v["good"].passing)
        assert "body_regex: " in verdicts["bad"].reason
        began = time.monotonic()
        for _ in range(3):
            rig.expect(Alive, within=6)
        assert time.monotonic() - began < 12
        left = psutil.Process(rig.pid).children()
        rig.process.kill()
        rig.exit_status()
        _, alive = psutil.wait_procs(left, 10)
        assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
