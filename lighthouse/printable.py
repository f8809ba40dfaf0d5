"""Foreign text made fit for a log line or a status page."""

from typing import Final

LIMIT: Final = 200


def one_line(text: object, limit: int = LIMIT) -> str:
    """One printable line of at most ``limit`` characters.

    White space is collapsed, whatever else is unprintable becomes an escape, and what is too
    long ends in ``...``.
    """
    words = " ".join(str(text)[: 4 * limit].split())
    line = words if words.isprintable() else "".join(map(_visible, words))
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
