"""Quantities as people write them: ``500ms``, ``256M``, ``50%``.

Each function takes what YAML makes of the text and raises ``ValueError`` with what was
expected and what was found.
"""

import math
import re
from typing import Final

from lighthouse.schema import shown

LONGEST: Final = 24 * 3600.0
"""Seconds; no duration in the configuration is longer than a day."""

_NUMBER: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z%]*)", re.ASCII)
_SECONDS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_WRITTEN: Final = r"^\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*({})?\s*$"

SECONDS_TEXT: Final = _WRITTEN.format("|".join(filter(None, _SECONDS)))
SIZE_TEXT: Final = _WRITTEN.format("[KkMmGgTt]?[Ii]?[Bb]?")
SHARE_TEXT: Final = _WRITTEN.format("%")
"""Regular expressions of the texts that stand for such quantities, however large."""


def seconds(value: object) -> float:
    """A duration: a number of seconds, or a number with ``ms``, ``s``, ``m``, ``h``, ``d``."""
    number, unit = _split(value)
    if number is None or unit not in _SECONDS:
        raise ValueError(f"expected seconds or a text like 10s, 500ms, 5m; got {shown(value)}")
    duration = number * _SECONDS[unit]
    if duration > LONGEST:
        raise ValueError(f"expected at most 24h, got {shown(value)}")
    return duration


def size(value: object) -> int:
    """A number of bytes, or a number with ``K``, ``M``, ``G``, ``T`` (powers of 1024)."""
    number, unit = _split(value)
    unit = unit.lower().removesuffix("b").removesuffix("i")
    if number is None or unit not in _BYTES:
        raise ValueError(f"expected bytes or a text like 256M, 1G; got {shown(value)}")
    return round(number * (1 << _BYTES[unit]))


def share(value: object) -> float:
    """A part of a whole: a number from 0 to 1, or a text like ``50%``."""
    number, unit = _split(value)
    part = None if number is None else number / 100 if unit == "%" else number
    if part is None or unit not in ("", "%") or part > 1:
        raise ValueError(f"expected 0..1 or a text like 50%; got {shown(value)}")
    return part


def _split(value: object) -> tuple[float | None, str]:
    """The number and the unit; no number for what is none, is negative or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None, ""
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if isinstance(value, str):
        return (float(found[1]), found[2]) if found else (None, "")
    good = math.isfinite(value) and value >= 0
    return (float(value), "") if good else (None, "")
