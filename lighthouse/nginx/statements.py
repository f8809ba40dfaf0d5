"""nginx's configuration language, as far as finding statements in it goes."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

_TOKEN: Final = re.compile(
    r"""
    (?P<blank>[\s]+ | \#[^\n]*)
    | (?P<end>[;{}])
    | (?P<word>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | (?:\\.|\$\{[^}]*\}|[^\s;{}\\])+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LUA: Final = "_by_lua_block"


class Statement(msgspec.Struct, frozen=True):
    """One directive: its words without quotes, where it stands, and how deep in blocks."""

    words: tuple[str, ...]
    start: int
    end: int
    depth: int


def statements(text: str) -> Iterator[Statement]:
    """All directives that end in a semicolon, in their order; what is no nginx's is skipped."""
    words: list[str] = []
    depth = start = place = 0
    while (found := _TOKEN.match(text, place)) is not None:
        place = found.end()
        if found["word"]:
            start = start if words else found.start()
            words.append(_bare(found["word"]))
        elif found["end"]:
            if found["end"] == ";" and words:
                yield Statement(tuple(words), start, place, depth)
            elif found["end"] == "{" and words and words[0].endswith(_LUA):
                place = _after_block(text, place)
            else:
                depth += {"{": 1, "}": -1}.get(found["end"], 0)
            words = []


def _bare(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word[0] in "\"'" else word


def _after_block(text: str, place: int) -> int:
    """Where a block of another language ends, by its braces."""
    depth = 1
    for found in re.compile(r"[{}]").finditer(text, place):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.end()
    return len(text)
