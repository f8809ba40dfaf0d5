"""The ``web`` section of lighthouse.yaml."""

from pathlib import Path
from typing import Any

import pytest

from lighthouse.config.schema import reader
from lighthouse.config.schema.keys.daemon import DAEMON
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import Config, DaemonSettings
from lighthouse.config.schema.web import PORT, ListenAddress
from lighthouse.ipc.snapshot import WebSnapshot
from lighthouse.registration.identity import HostIdentity
from lighthouse.schema import Problem
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.state import State

ROOT = Path("/tree")


def read(content: object) -> tuple[DaemonSettings, list[str]]:
    problems: list[Problem] = []
    settings = reader.daemon(SectionReader(content, problems, DAEMON), ROOT)
    return settings, [f"{'.'.join(map(str, one.path))}: {one.message}" for one in problems]


@pytest.mark.parametrize("content", [{}, {"web": False}, {"web": "off"}])
def test_nothing_is_served_unless_it_is_asked_for(content: dict[str, Any]) -> None:
    settings, problems = read(content)
    assert (settings.web, problems) == (None, [])


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("10.0.0.1:80", ListenAddress("10.0.0.1", 80)),
        ("10.0.0.1", ListenAddress("10.0.0.1", PORT)),
        (8080, ListenAddress("127.0.0.1", 8080)),
        ("[::1]:80", ListenAddress("::1", 80)),
        ("::1", ListenAddress("::1", PORT)),
        ("localhost:80", ListenAddress("127.0.0.1", 80)),
    ],
)
def test_an_address_is_read(listen: object, address: ListenAddress) -> None:
    settings, problems = read({"web": {"listen": listen}})
    assert problems == []
    assert settings.web is not None
    assert settings.web.settings.listen == address


@pytest.mark.parametrize("empty", [None, {}, True])
def test_an_empty_section_serves_at_the_loopback_address(empty: object) -> None:
    settings, problems = read({"web": empty, "worker": {"memory": "64M"}})
    assert problems == []
    assert settings.web is not None
    assert str(settings.web.settings.listen) == f"127.0.0.1:{PORT}"
    assert settings.web.worker.memory == 64 * 2**20


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"listen": "example.com:80"}, "web.listen: expected IP:PORT"),
        ({"listen": "10.0.0.1:99999"}, "web.listen: expected a port 1..65535"),
        ({"listen": True}, "web.listen: expected"),
        ({"allowed_hosts": ["a:80"]}, "web.allowed_hosts.0: expected a host's name"),
        ({"token_file": ""}, "web.token_file: expected a path"),
        ({"tokenfile": "x"}, "web.tokenfile: unknown key 'tokenfile'"),
        ({"worker": {"memory": "1K"}}, "web.worker.memory: expected at least 32M"),
        ("on!", "web: expected off, or a map"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(section: object, told: str) -> None:
    _, problems = read({"web": section})
    assert any(problem.startswith(told) for problem in problems), problems


def test_its_worker_is_wanted_with_all_that_it_has_to_know() -> None:
    content = {"listen": 80, "token_file": "web.token", "allowed_hosts": "Status.example.com"}
    settings, problems = read({"web": content})
    assert problems == []
    host = HostIdentity("here", "10.0.0.1")
    state = State(Config(daemon=settings), host, {})
    state.configure(Config(daemon=settings), 0.0)
    snapshot = plan(state)["web", "web"].snapshot
    assert snapshot == WebSnapshot("127.0.0.1", 80, "/tree/web.token", ("status.example.com",))
