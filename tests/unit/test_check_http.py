"""What the http check's settings may be, and which status codes they name."""

from typing import Any

import pytest

from lighthouse.http.check import HttpCheck
from lighthouse.http.status import parse
from lighthouse.schema import Invalid


@pytest.mark.parametrize(
    ("value", "inside", "outside", "text"),
    [
        (200, [200], [199, 201], "200"),
        ("200-299", [200, 299], [199, 300], "200-299"),
        ("200, 404", [200, 404], [201], "200, 404"),
        ([204, "300-302"], [204, 300, 302], [200, 303], "204, 300-302"),
        ("200-399", [204, 301], [101, 400, 503], "200-399"),
    ],
)
def test_status_codes(value: Any, inside: list[int], outside: list[int], text: str) -> None:
    statuses = parse(value)
    assert all(code in statuses for code in inside)
    assert not any(code in statuses for code in outside)
    assert str(statuses) == text


@pytest.mark.parametrize("value", [0, 99, 600, "", "ok", "300-200", "200-", [], ["200", "x"]])
def test_status_codes_that_mean_nothing(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(value)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"uri": "/health"},
        {"method": "HEAD", "status": 204, "headers": {"Host": "shop", "X-Level": 3}},
        {"status": [200, "300-399"], "body": "ok", "body_regex": "^o.$"},
        {"tls": True},
        {"tls": {"verify": False, "server_name": "shop.example"}},
        {"tls": {"ca_file": "/ca.pem", "cert_file": "/c.pem", "key_file": "/k.pem"}},
    ],
)
def test_config_that_is_taken(config: dict[str, Any]) -> None:
    HttpCheck.validate_config(config)
    HttpCheck().apply_config(config)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"url": "/"}, ("url",)),
        ({"uri": "health"}, ("uri",)),
        ({"uri": "/a b"}, ("uri",)),
        ({"uri": "/\r\nX: y"}, ("uri",)),
        ({"method": "get"}, ("method",)),
        ({"method": "CONNECT"}, ("method",)),
        ({"status": "2xx"}, ("status",)),
        ({"status": []}, ("status",)),
        ({"body_regex": "("}, ("body_regex",)),
        ({"body_regex": "a" * 1001}, ("body_regex",)),
        ({"body_regex": "(" * 900}, ("body_regex",)),
        ({"body_regex": "a{99999999999999999999}"}, ("body_regex",)),
        ({"headers": {"A:": "x"}}, ("headers", "A:")),
        ({"headers": {"A": "x\r\nB: y"}}, ("headers", "A")),
        ({"tls": {"verfy": False}}, ("tls", "verfy")),
        ({"tls": {"ca_file": "ca.pem"}}, ("tls", "ca_file")),
        ({"tls": {"key_file": "/k.pem"}}, ("tls", "key_file")),
        ({"tls": {"server_name": ".x"}}, ("tls", "server_name")),
        ({"tls": {"verify": False, "ca_file": "/ca.pem"}}, ("tls", "ca_file")),
    ],
)
def test_config_that_is_refused_with_its_place(
    config: dict[str, Any], path: tuple[str, ...]
) -> None:
    with pytest.raises(Invalid) as caught:
        HttpCheck.validate_config(config)
    assert path in [problem.path for problem in caught.value.problems]
