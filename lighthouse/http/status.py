"""Which status codes of an answer are welcome."""

import re
from typing import Final

_RANGE: Final = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?")
_EXPECTED: Final = "expected codes (200) or ranges (200-299), or a list of them"


class Statuses:
    """A set of codes; prints as it was written, ``200-299, 404``."""

    def __init__(self, ranges: tuple[range, ...]) -> None:
        self._ranges: Final = ranges

    def __contains__(self, code: int) -> bool:
        return any(code in span for span in self._ranges)

    def __str__(self) -> str:
        return ", ".join(map(_text, self._ranges))


def parse(value: int | str | list[int | str]) -> Statuses:
    """The codes that a setting names: 204, "200-299", "200, 404", or a list of these.

    Raises ``ValueError`` for anything else.
    """
    items = value if isinstance(value, list) else [value]
    words = [word.strip() for item in items for word in str(item).split(",")]
    if not words:
        raise ValueError(_EXPECTED)
    return Statuses(tuple(map(_span, words)))


def _span(word: str) -> range:
    found = _RANGE.fullmatch(word)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last:
        raise ValueError(_EXPECTED)
    return range(first, last + 1)


def _text(span: range) -> str:
    return str(span.start) if len(span) == 1 else f"{span.start}-{span.stop - 1}"
