"""``SERVICE[:PORT]``, and how long something is to last, on the command line."""

import re
from typing import Final

import click

from lighthouse.node import is_cluster_name

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)
_LONGEST: Final = 366 * 86400.0

Target = tuple[str, int | None]
"""A service of this host and one of its ports, None: all of them."""


def named(target: Target) -> str:
    """As it was written."""
    service, port = target
    return service if port is None else f"{service}:{port}"


def target(_: click.Context, __: click.Parameter, value: str) -> Target:
    """What ``SERVICE[:PORT]`` names."""
    service, colon, port = value.partition(":")
    if not is_cluster_name(service):
        raise click.BadParameter(f"{service!a} is no name of a service")
    if not colon:
        return service, None
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise click.BadParameter(f"{port!a} is no port")
    return service, int(port)


def span(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Seconds, from a text like ``90``, ``10m``, ``2h`` or ``3d``."""
    if value is None:
        return None
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"expected a text like 90, 10m, 2h, 3d; got {value!a}")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not seconds <= _LONGEST:
        raise click.BadParameter("expected at most 366d")
    return seconds
