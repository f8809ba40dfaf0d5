"""One line of an operator's HAProxy configuration: what it may hold, and its words."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

SECTIONS: Final = frozenset(
    {
        *("global", "defaults", "listen", "frontend", "backend", "peers", "resolvers"),
        *("userlist", "mailers", "cache", "program", "http-errors", "ring", "log-forward"),
        *("fcgi-app", "crt-store", "traces", "acme"),
    }
)
"""Words that would end the section a line is put into and begin another one."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WORD: Final = re.compile(r"""\s*((?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s#"'\\])+)""")


def fault(line: str) -> str:
    """Why a text cannot be put into a section as one line; empty if it can."""
    if _CONTROL.search(line):
        return "expected one line without control characters"
    first = next(iter(words(line)), "")
    if first in SECTIONS:
        return f"'{first}' begins a section of its own; expected a directive"
    return ""


def words(line: str) -> tuple[str, ...]:
    """The words of a line as written, quotes and escapes kept, a trailing comment dropped."""
    found = []
    place = 0
    while match := _WORD.match(line, place):
        found.append(match.group(1))
        place = match.end()
    return tuple(found)


def begins(lines: Iterable[str], *start: str) -> bool:
    """Return True if any of the lines is a directive that begins with these words."""
    return any(words(line)[: len(start)] == start for line in lines)


def last(lines: Sequence[str], start: str) -> tuple[str, ...]:
    """The words of the last directive of this name, which is the one in force."""
    for line in reversed(lines):
        found = words(line)
        if found[:1] == (start,):
            return found
    return ()


def as_lines(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """What may be written as one text or as a list of texts."""
    return (given,) if isinstance(given, str) else given
