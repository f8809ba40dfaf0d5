"""``lighthouse restart``: stop, then start."""

from pathlib import Path

import click

from lighthouse.commands.daemon.start import start
from lighthouse.commands.daemon.stop import stop
from lighthouse.commands.directories import existing, own
from lighthouse.commands.options import root_option


@click.command()
@root_option
def command(root: Path) -> None:
    """Stop the daemon if it runs, and start it.

    The software that it configures goes on meanwhile and is taken over again. What is
    registered stays registered, as long as its discovery believes in it without a daemon.
    """
    stop(own(existing(root)), keep=True)
    start(own(root))  # which may be elsewhere: its settings may have changed since
