"""The command line: one module per command, imported only when its command is called."""

import importlib
from pathlib import Path
from typing import Final

import click

from lighthouse import __version__
from lighthouse.commands.failure import failure
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import to_nowhere

MODULES: Final = {
    "run": "daemon.run",
    "start": "daemon.start",
    "stop": "daemon.stop",
    "restart": "daemon.restart",
    "reload": "daemon.reload",
    "status": "status",
    "down": "down",
    "up": "up",
    "wait": "wait",
    "check": "check",
    "plan": "plan",
    "explain": "explain",
    "plugins": "plugins",
    "check-plugin": "authors.check_plugin",
    "run-plugin": "authors.run_plugin",
    "new-plugin": "authors.new_plugin",
    "restart-worker": "daemon.restart_worker",
    "pause-worker": "daemon.pause_worker",
    "resume-worker": "daemon.resume_worker",
    "demo": "demo",
    "demo-postgresql": "demo_postgresql",
}
"""Where each command stands below this package, in the order of the help."""


class Commands(click.Group):
    """Finds a command in its module, by its name.

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
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        module = importlib.import_module(f"{__name__}.{MODULES[cmd_name]}")
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
