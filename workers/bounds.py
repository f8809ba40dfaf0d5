"""What a plugin says, made fit for a frame: valid text of bounded length, plain JSON values.

A frame holds 64 KiB. A plugin's reason, traceback or status may be anything, and must neither
break the encoding nor outgrow the frame that carries it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lighthouse import printable
from lighthouse.messages import Problem, Rejection, encode

REASON: Final = 500
"""Characters of a reason, on one line."""

TRACEBACK: Final = 6000
"""Characters of a traceback; its end, where the cause stands, is what is kept."""

REJECTIONS: Final = 20 * 1024
"""Bytes of all rejections of one message, encoded."""

STATUS: Final = 8 * 1024
"""Bytes of a plugin's status, encoded."""


def one_line(text: str, limit: int = REASON) -> str:
    """The text as one printable line, at most ``limit`` characters of it."""
    return printable.one_line(text, limit)


def tail(text: str, limit: int = TRACEBACK) -> str:
    """The last lines of the text that ``limit`` characters hold; overlong ones are cut."""
    kept: list[str] = []
    for line in reversed(valid(text).rstrip().splitlines()):
        short = line if len(line) <= REASON else line[: REASON - 3] + "..."
        limit -= len(short) + 1
        if limit < 0:
            return "\n".join(["...", *reversed(kept)])
        kept.append(short)
    return "\n".join(reversed(kept))


def valid(text: object) -> str:
    """As text that can be encoded."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def plain(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status as JSON values; raises ``ValueError`` if it is none or too long."""
    if not status:
        return {}
    try:
        values = msgspec.json.decode(msgspec.json.encode(dict(status)), type=dict[str, Any])
        size = len(encode(values))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"not JSON values: {error}") from error
    if size > STATUS:
        raise ValueError(f"{size} bytes, at most {STATUS} are shown")
    return values


def bounded(rejections: Iterable[Rejection]) -> tuple[Rejection, ...]:
    """As many of the rejections as fit; what is left out is counted in the last."""
    kept: list[Rejection] = []
    room = REJECTIONS
    left_out = 0
    for rejection in rejections:
        room -= len(encode(rejection))
        if room >= 0:
            kept.append(rejection)
        else:
            left_out += 1
    if left_out:
        kept.append(Rejection((Problem((), f"{left_out} more are not shown"),)))
    return tuple(kept)
