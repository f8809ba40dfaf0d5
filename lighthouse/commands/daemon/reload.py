"""``lighthouse reload``: the daemon reads its configuration again."""

from pathlib import Path

import click

from lighthouse.commands.directories import own
from lighthouse.commands.failure import MissingRight, NotRunning
from lighthouse.commands.options import root_option


@click.command()
@root_option
def command(root: Path) -> None:
    """Have the daemon read its configuration again and reopen its log.

    Seldom needed for the former: changed files are noticed. What did not change is not
    touched. Exit code 7 if the daemon does not run.
    """
    daemon = own(root)
    try:
        running = daemon.reload()
    except PermissionError as error:
        raise MissingRight(f"not allowed to signal the daemon (pid {daemon.pid()})") from error
    if not running:
        raise NotRunning(root)
    click.echo("lighthouse: reloading")
