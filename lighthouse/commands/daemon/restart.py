"""``lighthouse restart``: stop, then start."""

from pathlib import Path
from typing import Final

import click

from lighthouse.commands.daemon.start import start
from lighthouse.commands.daemon.stop import stop
from lighthouse.commands.directories import existing, own
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import root_option

_PATIENCE: Final = 30.0
"""Seconds that a service manager gets to start the daemon again."""


@click.command()
@root_option
def command(root: Path) -> None:
    """Stop the daemon if it runs, and start it.

    The software that it configures goes on meanwhile and is taken over again. What is
    registered stays registered, as long as its discovery believes in it without a daemon.
    A daemon that a service manager has started (systemd) is started again by that one.
    """
    former = own(existing(root))
    pid = former.pid()
    stop(former, keep=True)
    daemon = own(root)  # which may be elsewhere: its settings may have changed since
    if pid is None or not former.managed:
        start(daemon)
        return
    now = daemon.renewed(pid, _PATIENCE)
    if now is None:
        raise CommandFailure(f"its service manager has not started it again in {_PATIENCE:g} s")
    click.echo(f"lighthouse: started by its service manager (pid {now})")
