"""The option that every command takes: which configuration, and so which daemon."""

from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

DEFAULT: Final = "/etc/lighthouse"


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
    help="The directory of the configuration.",
)
