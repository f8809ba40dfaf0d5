"""Credentials that stand where they do not belong: no message ever shows them."""

from typing import Annotated, Any

import msgspec
import pytest

from lighthouse.config.fault import Fault
from lighthouse.etcd.settings import read
from lighthouse.node import Refused, parse
from lighthouse.schema import Invalid, convert, shown, unknown
from lighthouse.text import hide, masked, one_line, redacted
from lighthouse.workers.boundary.limits import plain, tail

PW = "hunt3r"
TEXTS = [
    (f"http://root:{PW}@host:2379/x", "http://***@host:2379/x"),
    (f"https://{PW}@host", "https://***@host"),
    (f"postgresql://u:{PW}@[::1]:5432/db", "postgresql://***@[::1]:5432/db"),
    (f"redis://:{PW}@host and more", "redis://***@host and more"),
    (f"amqp://u:{PW}@x@host", "amqp://***@host"),
    (f"amqp://u:it's\"{PW}@host", "amqp://***@host"),
    (f"got 'root:{PW}@host:2379'", "got '***@host:2379'"),
    (f"host=db password={PW} dbname=x", "host=db password=*** dbname=x"),
    (f"host=db PASSWORD='{PW}'", "host=db PASSWORD='***'"),
    (f"/x?api_key={PW}&y=1", "/x?api_key=***&y=1"),
    (f"user a insecure-password {PW}", "user a insecure-password ***"),
    (f"stats auth admin:{PW}", "stats auth ***"),
    (f"Authorization: Bearer {PW}", "Authorization: Bearer ***"),
]
HARMLESS = [
    "ipv4@10.0.0.1:80",
    "password: where the secret lies",
    "http://host:80/path",
    "web:80: mail root@host",
    "basic auth is not possible",
    "10.0.0.1:80",
]


@pytest.mark.parametrize(("text", "told"), TEXTS)
def test_credentials_in_a_text(text: str, told: str) -> None:
    assert redacted(text) == told
    for shows in (one_line, shown, tail):
        assert PW not in str(shows(text))
    assert PW not in str(Fault("f", 1, 1, text))
    assert PW not in unknown(text, ["a"])
    assert PW not in str(plain({"a": [{"b": text}]}))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_stays(text: str) -> None:
    assert redacted(text) == text


def test_white_space_in_a_value_hides_nothing() -> None:
    for url in (f"http://root:a {PW}@host", f"root:{PW} b@host", f"http://r:a\n{PW}@host"):
        assert PW not in shown(url)


def test_a_secret_that_changes_all_the_time_is_hidden_as_it_is_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lighthouse.text._hidden", {})
    for number in range(3000):
        hide(f"rotated/{number}")
    assert masked('with "rotated/2999" and rotated%2F2998') == 'with "***" and ***'


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    url: int = 0
    password: Annotated[str, msgspec.Meta(min_length=9)] = ""
    tokens: dict[str, int] = {}


@pytest.mark.parametrize(
    "config",
    [
        {"url": f"http://root:{PW}@host"},
        {"password": PW},
        {"tokens": {"a": PW}},
        {f"http://root:{PW}@host": 1},
    ],
)
def test_credentials_in_a_plugins_config(config: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        convert(config, _Settings)
    assert all(PW not in problem.message for problem in caught.value.problems)


def test_credentials_in_an_endpoint_of_etcd() -> None:
    with pytest.raises(Invalid, match=r"got 'http://\*\*\*@host:2379'") as caught:
        read({"endpoints": [f"http://root:{PW}@host:2379"], "path": "/x"})
    assert PW not in str(caught.value)


def test_credentials_in_a_record() -> None:
    with pytest.raises(Refused) as caught:
        parse({"ip": f"http://root:{PW}@host", "port": 1})
    assert PW not in str(caught.value)
