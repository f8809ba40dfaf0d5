"""Who may be answered by the page, as tables."""

from pathlib import Path

import pytest

from lighthouse.web.serving import token
from lighthouse.web.serving.guard import CONTENT_POLICY, flaw, is_own_name, is_own_origin, is_token

NAMES = frozenset({"web1", "status.example.com"})
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1:9547", True),
        ("10.0.0.7", True),
        ("[::1]:9547", True),
        ("[::1]", True),
        ("::1", True),
        ("localhost", True),
        ("LocalHost:80", True),
        ("localhost.", True),
        ("web1:9547", True),
        ("STATUS.example.com", True),
        ("evil.example.com", False),
        ("evil.example.com:9547", False),
        ("127.0.0.1.evil.com", False),
        ("localhost.evil.com", False),
        ("web1.evil.com", False),
        ("web1@evil.com", False),
        ("", False),
        ("127.0.0.1, evil.com", False),
        ("[::1]evil.com", False),
        ("[evil]:80", False),
    ],
)
def test_only_names_that_nobody_else_can_point_here_are_answered(host: str, own: bool) -> None:
    assert is_own_name(host, NAMES) is own


@pytest.mark.parametrize(
    ("origin", "site", "own"),
    [
        (None, None, True),
        ("http://127.0.0.1:9547", "same-origin", True),
        ("https://127.0.0.1:9547", None, True),
        ("http://evil.com", None, False),
        ("null", None, False),
        (None, "cross-site", False),
        ("http://127.0.0.1:9547", "cross-site", False),
        (None, "same-site", False),
        (None, "none", True),
    ],
)
def test_no_other_page_may_ask_for_an_act(origin: str | None, site: str | None, own: bool) -> None:
    assert is_own_origin(origin, site, "127.0.0.1:9547") is own


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN} ", True),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer {TOKEN}x", False),
        ("Bearer ", False),
        ("", False),
        ("Bearer é", False),
    ],
)
def test_only_the_token_opens(given: str, right: bool) -> None:
    assert is_token(given, TOKEN) is right


def test_a_token_that_could_be_guessed_or_not_be_sent_is_none() -> None:
    assert flaw(TOKEN) == ""
    assert "less than 16" in flaw("short")
    assert "cannot be sent" in flaw("0123456789 abcdef")


def test_a_token_file_that_everybody_may_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o640)
    assert token.read(str(file)) == (TOKEN, "")
    file.chmod(0o644)
    assert "chmod o-rwx" in token.read(str(file))[1]
    assert "No such file" in token.read(str(tmp_path / "absent"))[1]


def test_nothing_inline_and_nothing_of_others_may_run() -> None:
    assert "unsafe" not in CONTENT_POLICY
    assert "http" not in CONTENT_POLICY
    assert "default-src 'none'" in CONTENT_POLICY
    assert "frame-ancestors 'none'" in CONTENT_POLICY
