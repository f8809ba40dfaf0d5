"""``lighthouse exec``: start a service's program, and stop it when nobody uses it any more."""

import sys
from pathlib import Path

import click

from lighthouse.commands.completion.names import services
from lighthouse.commands.down import caller
from lighthouse.commands.options import Target, named, root_option, span, target
from lighthouse.commands.programs.attendant import Attendant
from lighthouse.commands.programs.child import NOT_EXECUTABLE, NOT_FOUND
from lighthouse.commands.programs.execution import Execution, Times


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--service",
    required=True,
    metavar="SERVICE[:PORT]",
    callback=target,
    shell_complete=services,
    help="The service of this host that CMD provides, or one port of it.",
)
@click.option(
    "--drain-timeout",
    metavar="TIME",
    callback=span,
    default="30",
    show_default=True,
    help="At most so long CMD runs on after TERM.",
)
@click.option(
    "--quiet",
    metavar="TIME",
    callback=span,
    default="1",
    show_default=True,
    help="So long no traffic at all before CMD is told to stop.",
)
@click.option(
    "--stop-timeout",
    metavar="TIME",
    callback=span,
    default="10",
    show_default=True,
    help="So long after its own TERM CMD is killed.",
)
@click.argument("command", metavar="CMD", nargs=-1, required=True, type=click.UNPROCESSED)
@root_option
def command(
    root: Path,
    service: Target,
    drain_timeout: float,
    quiet: float,
    stop_timeout: float,
    command: tuple[str, ...],
) -> None:
    """Run CMD, registered while it is healthy, and stop it only once nobody uses it.

    Its service is out until the daemon's checks of it pass anew. On TERM or INT it is
    deregistered; when every discovery and every balancer of this host has confirmed that, and no
    request is in flight to its ports, CMD gets TERM. A second TERM or INT does not wait. All
    other signals are handed on. A daemon that is away keeps CMD from nothing.

    \b
    Exit codes:
      that of CMD, 128 + N if signal N has ended it
      126, 127  CMD cannot be started
    """

    def say(text: str) -> None:
        click.echo(f"lighthouse exec: {named(service)}: {text}", err=True)

    def lacks(reason: str) -> None:
        say(f"not registered by this command: {reason}" if reason else "the daemon knows of it")

    attendant = Attendant(root, *service, caller(), lacks)
    times = Times(drain_timeout, quiet, stop_timeout)
    try:
        code = Execution(attendant, times, say).run(command)
    except OSError as error:
        say(f"cannot start {error.filename or command[0]}: {error.strerror}")
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    sys.exit(code)
