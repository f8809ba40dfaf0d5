"""The command line: one module per command, imported only when its command is called."""

import importlib
from pathlib import Path
from typing import Final

import click

from lighthouse import __version__
from lighthouse.commands.failure import failure
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import to_nowhere

NAMES: Final = (
    "run",
    "start",
    "stop",
    "restart",
    "reload",
    "status",
    "down",
    "up",
    "wait",
    "check",
    "plan",
    "explain",
    "plugins",
    "check-plugin",
    "run-plugin",
    "new-plugin",
    "restart-worker",
    "demo",
)


class Commands(click.Group):
    """Finds a command by its name: ``lighthouse.commands.<name>.command``, a hyphen being ``_``.

    The daemon is started through here and stays in memory for years, so that it must not
    carry along what only another command needs.
    """

    def invoke(self, ctx: click.Context) -> object:
        """Whatever the system refuses is one line and an exit code, for every command.

        But for the daemon itself, whose every end has to show where it came from.
        """
        try:
            return super().invoke(ctx)
        except OSError as error:
            if ctx.invoked_subcommand == "run":
                raise
            to_nowhere()
            raise failure(error) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NAMES:
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lighthouse")
@root_option
def main(root: Path) -> None:
    """Service discovery and load balancing for every host of a fleet.

    One daemon checks and registers what this host provides, and keeps local software pointed
    at the live nodes of what it consumes.
    """
