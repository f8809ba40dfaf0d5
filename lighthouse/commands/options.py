"""What is said on the command line: the configuration, a service with its port, a time."""

import re
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from lighthouse.node import is_cluster_name

DEFAULT: Final = "/etc/lighthouse"

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)
_LONGEST: Final = 366 * 86400.0

Target = tuple[str, int | None]
"""A service of this host and one of its ports, None: all of them."""


def _absolute(ctx: click.Context, option: click.Parameter, value: Path) -> Path:
    """Absolute, since the daemon leaves its directory; links stay, since they may be swapped.

    What stands before the command counts if nothing stands behind it.
    """
    before = ctx.parent
    if before is not None and not _said(ctx) and _said(before):
        value = before.params["root"]
    return value.absolute()


def _said(ctx: click.Context) -> bool:
    return ctx.get_parameter_source("root") is ParameterSource.COMMANDLINE


root_option: Final = click.option(
    "-c",
    "--config",
    "root",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    envvar="LIGHTHOUSE_CONFIG",
    show_default=True,
    show_envvar=True,
    callback=_absolute,
    shell_complete=lambda _ctx, _option, typed: [CompletionItem(typed, type="dir")],
    help="The directory of the configuration.",
)


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
