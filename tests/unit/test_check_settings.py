"""What the settings of the tcp and exec checks may be, and text fit for a reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.exec.check import ExecCheck
from lighthouse.schema import Invalid
from lighthouse.tcp.check import TcpCheck
from lighthouse.text import one_line


@pytest.mark.parametrize(
    "config",
    [{}, {"query": "PING\r\n", "response": "+PONG"}, {"response": "SSH"}, {"tls": True}],
)
def test_tcp_config_that_is_taken(config: dict[str, Any]) -> None:
    TcpCheck.validate_config(config)
    TcpCheck().apply_config(config)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"reponse": "x"}, ("reponse",)),
        ({"query": 1}, ("query",)),
        ({"response": "x" * 70_000}, ("response",)),
        ({"tls": {"cert_file": "c.pem"}}, ("tls", "cert_file")),
    ],
)
def test_tcp_config_that_is_refused(config: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        TcpCheck.validate_config(config)
    assert path in [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    "config",
    [
        {"command": "/bin/true"},
        {"command": ["/bin/echo", "a b", ""]},
        {"command": "check --name 'a b'", "status": [0, 3], "env": {"LEVEL": 2}},
    ],
)
def test_exec_config_that_is_taken(config: dict[str, Any]) -> None:
    ExecCheck.validate_config(config)
    ExecCheck().apply_config(config)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({}, ()),
        ({"command": ""}, ("command",)),
        ({"command": []}, ("command",)),
        ({"command": "echo 'x"}, ("command",)),
        ({"command": ["a\0b"]}, ("command",)),
        ({"command": "true", "status": 256}, ("status",)),
        ({"command": "true", "env": {"A=B": "x"}}, ("env", "A=B")),
        ({"command": "true", "cwd": "/"}, ("cwd",)),
    ],
)
def test_exec_config_that_is_refused(config: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        ExecCheck.validate_config(config)
    assert path in [problem.path for problem in caught.value.problems]


@given(st.text(), st.integers(min_value=10, max_value=300))
def test_one_line_is_printable_and_short(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    line.encode()


def test_one_line_keeps_ordinary_text() -> None:
    assert one_line(" a\n  b\tc ") == "a b c"
    assert one_line("\x1b[31mred\udcff") == "\\x1b[31mred\\udcff"
