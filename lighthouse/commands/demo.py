"""``lighthouse demo``: all of it on one machine."""

import signal
import sys

import click

from lighthouse.commands.failure import FAILED, CommandFailure
from lighthouse.demo.runner import run


@click.command()
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=1.0),
    metavar="SECONDS",
    help="Fit the steps into about this time; without it, it goes on until Ctrl-C.",
)
def command(seconds: float | None) -> None:
    """Show everything at work: no root, nothing outside a temporary directory.

    Starts a few web services, a daemon and HAProxy, sends a steady stream of requests, and
    meanwhile kills and revives services, hangs a plugin, kills the HAProxy worker and the
    supervisor. Exit code 0 if all went as it must, else 1.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        right = run(seconds)
    except OSError as error:
        raise CommandFailure(str(error)) from error
    sys.exit(0 if right else FAILED)
