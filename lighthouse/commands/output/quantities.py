"""Figures with their units, for people."""

import math
import time
from typing import Final

_YEARS: Final = 10 * 365 * 86400.0
"""A fraction that lies so close to the present is a time of the wall clock."""


def number(value: int | None) -> str:
    return "-" if value is None else str(value)


def milliseconds(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def percent(share: float | None) -> str:
    """A share of one, as of a processor."""
    if share is None or not math.isfinite(share):
        return "-"
    return f"{share * 100:.0f} %" if share >= 0.095 else f"{share * 100:.1f} %"


def size(value: int | None) -> str:
    return "-" if value is None else f"{value / 2**20:.0f} MB"


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    left = max(0, int(seconds))
    if left < 60:
        return f"{left} s"
    if left < 3600:
        return f"{left // 60} min {left % 60} s"
    if left < 86400:
        return f"{left // 3600} h {left % 3600 // 60} min"
    return f"{left // 86400} d {left % 86400 // 3600} h"


def moment(value: object, now: float) -> str | None:
    """A time of the wall clock as a person tells it, None if the value is none.

    Plugins tell times as fractions of seconds since 1970; their counts are whole numbers.
    """
    if not isinstance(value, float) or not abs(value - now) < _YEARS:
        return None
    if value > now:
        return f"in {span(value - now)}"
    return f"{span(now - value)} ago"


def dated(value: object, now: float) -> object:
    """What a plugin says, however deep, with its times as dates and their distance."""
    if isinstance(value, dict):
        return {key: dated(part, now) for key, part in value.items()}
    if isinstance(value, list):
        return [dated(part, now) for part in value]
    told = moment(value, now)
    if told is None or not isinstance(value, float):
        return value
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(value))} ({told})"
