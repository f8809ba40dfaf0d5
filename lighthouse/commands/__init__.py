"""The command line: one module per command, imported only when its command is called."""

import importlib
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem, add_completion_class

from lighthouse import __version__
from lighthouse.commands.completion.shells import Bash
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
    "exec": "programs.exec",
    "check": "check",
    "plan": "plan",
    "explain": "explain",
    "history": "versions.history",
    "rollback": "versions.rollback",
    "record": "versions.record",
    "replay": "versions.replay",
    "convert": "setup.convert",
    "plugins": "plugins",
    "init": "setup.init",
    "schema": "setup.schema",
    "completion": "completion.command",
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

ABOUT: Final = {
    "run": "Run the daemon in the foreground.",
    "start": "Start the daemon in the background.",
    "stop": "Stop the daemon.",
    "restart": "Stop the daemon if it runs, and start it.",
    "reload": "Have the daemon read its configuration again and reopen its log.",
    "status": "Show how the daemon is, or one of its workers.",
    "down": "Take a service of this host out: deregister it until `lighthouse up`.",
    "up": "Let a service be registered again as soon as its checks pass.",
    "wait": (
        "Wait until every balancer of this host serves NODE in CLUSTER, or "
        "with --absent until none does any more."
    ),
    "exec": "Run CMD, registered while it is healthy, and stop it only once nobody uses it.",
    "check": "Check the configuration, as its files are now.",
    "plan": "Show what each balancer would do now, and do nothing.",
    "explain": "Explain why the nodes of CLUSTER are in or out, or only NODE.",
    "history": "Show the versions that BALANCER (or each) applied last, the newest first.",
    "rollback": (
        "Pin BALANCER to a VERSION that it has applied before (`lighthouse history` has them)."
    ),
    "record": "Record the versions that balancers apply into a new FILE, until Ctrl-C.",
    "replay": "Run the recording FILE of `lighthouse record` against a plugin.",
    "convert": "Write a tree of Lighthouse from the configuration of another system.",
    "plugins": "List the installed plugins.",
    "init": "Write a configuration to start from into DIR, /etc/lighthouse if left out.",
    "schema": "Print the JSON Schema of a kind of file, for editors and other programs.",
    "completion": "Print the script with which a shell completes commands, options and names.",
    "check-plugin": "Load a plugin as the daemon would, and judge it.",
    "run-plugin": "Run a plugin once in the foreground, and print what it did.",
    "new-plugin": "Make the package of a new plugin.",
    "restart-worker": "Start one worker's process anew, with the code that is installed now.",
    "pause-worker": "Stop one worker's process, and start none until `lighthouse resume-worker`.",
    "resume-worker": (
        "End the pause of a worker: its process is started, and given what is wanted by now."
    ),
    "demo": "Show everything at work: no root, nothing outside a temporary directory.",
    "demo-postgresql": (
        "Show a database led through failovers: nothing outside a temporary directory."
    ),
}
"""What each command says of itself first, so that the help need not import them all."""


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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, none of which is imported for it, or the options."""
        found = [name for name in MODULES if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=ABOUT.get(name)) for name in found]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, ABOUT))
        rows = [
            (name, click.Command(name, help=about).get_short_help_str(limit))
            for name, about in ABOUT.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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


add_completion_class(Bash)
