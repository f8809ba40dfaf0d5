"""Figures with their units, for people."""

import math


def number(value: int | None) -> str:
    return "-" if value is None else str(value)


def milliseconds(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


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
