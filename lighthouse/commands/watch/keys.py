"""What is typed, as the names of keys."""

from collections.abc import Iterator
from typing import Final

ESCAPE: Final = "escape"

_SEQUENCES: Final = {
    "[A": "up",
    "[B": "down",
    "[5~": "page_up",
    "[6~": "page_down",
    "[H": "home",
    "[F": "end",
    "[1~": "home",
    "[4~": "end",
    "OA": "up",
    "OB": "down",
    "OH": "home",
    "OF": "end",
}
_CONTROLS: Final = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x02": "page_up",
    "\x06": "page_down",
    "\x0c": "redraw",
}
_LONGEST: Final = 16


class Keyboard:
    """Terminals send some keys as several bytes, which may come in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> bool:
        """Return True if what came last may be the beginning of a key, or the key Esc."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[str]:
        """The keys in what has come, as far as they are complete."""
        data, self._rest = self._rest + data, b""
        text = data.decode("utf-8", "ignore")
        return list(self._keys(text))

    def settle(self) -> list[str]:
        """Nothing more has come for a moment: what is pending is the key Esc."""
        rest, self._rest = self._rest, b""
        return [ESCAPE] if rest else []

    def _keys(self, text: str) -> Iterator[str]:
        while text:
            if text[0] != "\x1b":
                key = _CONTROLS.get(text[0], text[0])
                text = text[1:]
                if len(key) > 1 or key.isprintable():
                    yield key
                continue
            size = _sequence(text[1:])
            if size is None and len(text) < _LONGEST:
                self._rest = text.encode()
                return
            name = _SEQUENCES.get(text[1 : 1 + (size or 0)])
            if size == 0:
                yield ESCAPE
            elif name is not None:
                yield name
            text = text[1 + (size or 0) :]


def _sequence(text: str) -> int | None:
    """How many characters behind an Esc belong to it; None if that is not known yet."""
    if not text:
        return None
    if text[0] == "O":
        return 2 if len(text) > 1 else None
    if text[0] != "[":
        return 0
    for index, each in enumerate(text[1:], 1):
        if "@" <= each <= "~":
            return index + 1
    return None
