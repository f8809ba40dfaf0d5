"""Foreign text made fit for a log line, a status page or a terminal."""

from typing import Final

LIMIT: Final = 200
_KINDS: Final[dict[type, str]] = {
    type(None): "nothing",
    str: "text",
    int: "a number",
    float: "a fraction",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def one_line(text: object, limit: int = LIMIT) -> str:
    """Return one printable line of at most ``limit`` characters.

    White space is collapsed, whatever else is unprintable becomes an escape, and what is too
    long ends in ``...``.
    """
    line = plain(" ".join(str(text)[: 4 * limit].split()))
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
    escaped = ascii(text)
    return escaped if len(escaped) <= 60 else escaped[:56] + "...'"


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    return _KINDS.get(type(value), type(value).__name__)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
