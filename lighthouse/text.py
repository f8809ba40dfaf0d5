"""Foreign text made fit for a log line, a status page or a terminal."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote

LIMIT: Final = 200

NAMED: Final = 3
"""So many of a long list are told by name."""
_KINDS: Final[dict[type, str]] = {
    type(None): "nothing",
    str: "text",
    int: "a number",
    float: "a fraction",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}

_HIDDEN: Final = "***"
_SHORTEST: Final = 8
_MOST_HIDDEN: Final = 1000
_hidden: Final[dict[str, None]] = {}
_WHOLE: Final = re.compile(r"(://|:).*(?=@)", re.DOTALL)
_SECRETS: Final = (
    re.compile(r"(://)\S+(?=@)"),
    re.compile(r"((?:^|[\s\"'=,(\[]))[^\s\"'=,(\[/:@]+:[^\s/]+(?=@[\w\[])"),
    re.compile(
        r"(?i)((?:password|passwd|pwd|secret|token|api_?key)=[\"']?"
        r"|insecure-password\s+|stats\s+auth\s+|authorization:?\s+(?:basic|bearer)\s+)"
        r"[^\s\"'&;,]+"
    ),
)


def hide(secret: str) -> None:
    """Show this secret in no text of this process any more, however it is written there.

    One of fewer than eight characters is not hidden: it may be a word that stands everywhere.
    Of very many, as of one that changes all the time, the last ones are hidden.
    """
    written = {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}
    for form in (*written, *secret.splitlines()):
        if len(form.strip()) >= _SHORTEST:
            _hidden.pop(form.strip(), None)
            _hidden[form.strip()] = None
    for oldest in list(_hidden)[:-_MOST_HIDDEN]:
        del _hidden[oldest]


def masked(text: str) -> str:
    """Return text without the secrets that are hidden."""
    if _hidden:
        for secret in sorted(_hidden, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
    return text


def redacted(text: str) -> str:
    """Return text without the credentials that stand in it.

    Those of URLs and connection strings, and of HAProxy's and HTTP's words for them: operators
    and plugins write such values where they do not belong, and every message may be logged.
    """
    return _without_credentials(masked(text))


@lru_cache(256)
def _without_credentials(text: str) -> str:
    """The same few words of a plugin come with each change."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{_HIDDEN}", text)
    return text


def redacted_value(text: str) -> str:
    """Return a value that stands alone without its credentials, whatever is in them."""
    return redacted(_WHOLE.sub(rf"\1{_HIDDEN}", text))


def one_line(text: object, limit: int = LIMIT) -> str:
    """Return one printable line of at most ``limit`` characters, without credentials.

    White space is collapsed, whatever else is unprintable becomes an escape, and what is too
    long ends in ``...``.
    """
    line = plain(redacted(" ".join(masked(str(text))[: 4 * limit].split())))
    return line if len(line) <= limit else line[: limit - 3] + "..."


def plain(value: object) -> str:
    """Return text in which every unprintable character, line ends included, is an escape.

    Nothing in it can move a terminal's cursor or pass for something else. None is no text.
    """
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it has to be."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def quoted(text: str) -> str:
    """Return foreign text for an error message: in quotes, escaped and short."""
    escaped = ascii(redacted_value(text))
    return escaped if len(escaped) <= 60 else escaped[:56] + "...'"


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    return _KINDS.get(type(value), type(value).__name__)


def several(names: Iterable[str]) -> str:
    """Return names in words, the first few of many."""
    found = list(names)
    left = len(found) - NAMED
    return ", ".join(found[:NAMED]) + (f" and {left} more" if left > 0 else "")


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
