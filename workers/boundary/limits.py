"""What a plugin says, made fit for a frame: valid text of bounded length, plain JSON values.

A frame holds 64 KiB. A plugin's reason, traceback or status may be anything, and must neither
break the encoding nor outgrow the frame that carries it.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from lighthouse import text as foreign
from lighthouse.balancer import Withheld
from lighthouse.ipc.messages import encode
from lighthouse.schema import Problem, Rejection

REASON: Final = 500
"""Characters of a reason, on one line."""

TRACEBACK: Final = 6000
"""Characters of a traceback; its end, where the cause stands, is what is kept."""

REJECTIONS: Final = 16 * 1024
"""Bytes of all rejections of one message, encoded."""

WARNINGS: Final = 6 * 1024
"""Bytes of all warnings of one message, encoded."""

WITHHELD: Final = 4 * 1024
"""Bytes of all nodes that a balancer keeps traffic from, encoded."""

STATUS: Final = 8 * 1024
"""Bytes of a plugin's status, encoded."""

_KEY: Final = 60
_VALUES: Final = 100
_NAMED: Final = 3
"""Characters of the name of a value; so many values that cannot be shown are told, and named."""

_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1
_NUMBER: Final = 9
"""Numbers that can be encoded, and the bytes that one takes at most."""

_PLAIN: Final = frozenset((bool, int, type(None)))
"""What is JSON and holds no text; most of a status is."""


def one_line(text: str, limit: int = REASON) -> str:
    """The text as one printable line, at most ``limit`` characters of it."""
    return foreign.one_line(text, limit)


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
    """As text that can be encoded, without credentials."""
    return foreign.redacted(str(text).encode("utf-8", "backslashreplace").decode("utf-8"))


Seen = dict[str, tuple[bytes, Any, int]]
"""Values of a status by name: as it was encoded, as it is shown, how many bytes that takes."""


def plain(
    status: Mapping[Any, Any], seen: Seen | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """A status as JSON values, and what is wrong with the others, in words by their keys.

    In place of such a value stands what it is. ``seen`` are values of an earlier status, which
    need no second look, and is brought up to date.
    """
    seen = {} if seen is None else seen
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    room = STATUS
    for key, value in [*status.items()]:
        name = _shown_key(str(key))
        try:
            said, odd, size = _fitted(name, value, seen)
        except (TypeError, ValueError, OverflowError, RecursionError):
            wrong[name] = f"no JSON value, but of the type {type(value).__name__}"
        else:
            if size <= room and not odd:
                room -= size
                values[name] = said
                if not isinstance(key, str):
                    wrong[name] = "no text, and so no name of a value"
                continue
            wrong[name] = odd or f"too long: {size} bytes, and all of it may have {STATUS}"
        if len(values) < _VALUES:
            values[name] = f"({wrong[name]})"
    if len(seen) > _VALUES:
        seen.clear()
    return values, dict([*wrong.items()][:_NAMED])


def _fitted(name: str, value: Any, seen: Seen) -> tuple[Any, str, int]:
    """A value as it is shown, why it cannot be so, and the bytes that it takes with its name.

    Raises what an encoding does.
    """
    if type(value) in _PLAIN and (value is None or _LEAST <= value <= _MOST):
        return value, "", _NUMBER + len(name)
    data = encode(value)
    before = seen.get(name)
    if before is not None and before[0] == data:
        return before[1], "", before[2]
    said, odd = _shown_value(value)
    size = len(encode(said)) + len(name)
    if not odd:
        seen[name] = data, said, size
    return said, odd, size


@lru_cache(1000)
def _shown_key(key: str) -> str:
    """The same keys come with each status."""
    return one_line(key, _KEY)


def _shown_value(value: Any) -> tuple[Any, str]:
    """A value as JSON without credentials, and why it is none although it could be made some.

    Raises what ``msgspec.json`` does if it can be made none.
    """
    if type(value) in _PLAIN:
        return value, ""
    return redacted(msgspec.json.decode(msgspec.json.encode(value))), _unshowable(value)


def redacted(value: Any) -> Any:
    """JSON values without the credentials that stand in their texts."""
    match value:
        case str():
            return foreign.redacted(value)
        case dict():
            return {key: redacted(part) for key, part in value.items()}
        case list():
            return [redacted(part) for part in value]
    return value


def shown(value: object) -> str:
    """A value of a plugin in words, cut; its own ``repr`` may be wrong as well."""
    try:
        return one_line(repr(value), 60)
    # It is the plugin's code, and may raise anything.
    except Exception:  # noqa: BLE001
        return f"a {type(value).__name__}"


def _unshowable(value: object, depth: int = 20) -> str:
    """Why a value is no JSON although it could be made some, empty if it is."""
    match value:
        case bytes() | bytearray() | set() | frozenset():
            return f"no JSON value, but of the type {type(value).__name__}"
        case float() if not math.isfinite(value):
            return f"no JSON value, but {value}"
        case dict():
            for key in value:
                if not isinstance(key, str):
                    return f"a map with the key {shown(key)}, which is no text"
    if depth and isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return next(filter(None, (_unshowable(part, depth - 1) for part in parts)), "")
    return ""


def bounded(
    rejections: Iterable[Rejection], room: int = REJECTIONS
) -> tuple[tuple[Rejection, ...], int]:
    """As much of the rejections as fits ``room``, and the number of problems that does not.

    A rejection that has to be cut keeps its first problems; one with none left is dropped.
    """
    kept: list[Rejection] = []
    left_out = 0
    for rejection in rejections:
        room -= len(encode(msgspec.structs.replace(rejection, problems=())))
        fitting: list[Problem] = []
        for problem in rejection.problems:
            room -= len(encode(problem))
            if room >= 0:
                fitting.append(problem)
        left_out += len(rejection.problems) - len(fitting)
        if len(fitting) == len(rejection.problems):
            kept.append(rejection)
        elif fitting:
            kept.append(msgspec.structs.replace(rejection, problems=tuple(fitting)))
    return tuple(kept), left_out


def counted(rejections: Iterable[Rejection], room: int = REJECTIONS) -> tuple[Rejection, ...]:
    """As much of the rejections as fits; what is left out is counted in the last."""
    kept, left_out = bounded(rejections, room)
    if not left_out:
        return kept
    return (*kept, Rejection((Problem((), f"{left_out} more are not shown"),)))


def named(withheld: Iterable[Withheld], room: int = WITHHELD) -> tuple[tuple[Withheld, ...], int]:
    """As many of the nodes as fit ``room``, and the number of those that do not."""
    kept = []
    unnamed = 0
    for each in withheld:
        room -= len(encode(msgspec.structs.replace(each, nodes=())))
        fitting = []
        for node in each.nodes:
            room -= len(encode(node))
            if room >= 0:
                fitting.append(node)
        unnamed += len(each.nodes) - len(fitting)
        if fitting:
            kept.append(msgspec.structs.replace(each, nodes=tuple(fitting)))
    return tuple(kept), unnamed
