"""The option that every command takes: which configuration, and so which daemon."""

from pathlib import Path
from typing import Final

import click

DEFAULT: Final = "/etc/lighthouse"


def _absolute(_: click.Context, __: click.Parameter, value: Path) -> Path:
    """Absolute, since the daemon leaves its directory; links stay, since they may be swapped."""
    return value.absolute()


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
