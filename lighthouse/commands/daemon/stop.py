"""``lighthouse stop``: an orderly end, or after a deadline any end."""

from pathlib import Path

import click

from lighthouse.commands.directories import own
from lighthouse.commands.failure import MissingRight, not_running
from lighthouse.commands.options import root_option
from lighthouse.daemon.client import DaemonClient


@click.command()
@root_option
def command(root: Path) -> None:
    """Stop the daemon.

    It deregisters this host's services, gives their traffic the drain delay to go away, and
    stops its workers; the software that they configured goes on. Killed if that takes longer
    than the drain delay, its stop timeout and 5 s. Stopping one that does not run is no error.
    """
    stop(own(root))


def stop(daemon: DaemonClient, keep: bool = False) -> None:
    """Stop it and say how it ended; ``MissingRight`` if it may not be signalled.

    ``keep``: what it has registered stays.
    """
    pid = daemon.pid()
    try:
        ending = daemon.stop(keep)
    except PermissionError as error:
        raise MissingRight(f"not allowed to stop the daemon (pid {pid})") from error
    match ending:
        case "not running":
            click.echo(f"lighthouse: {not_running(daemon.root)}")
        case "stopped":
            click.echo(f"lighthouse: stopped (pid {pid})")
        case "killed":
            click.echo(f"lighthouse: killed (pid {pid}): it did not stop in time", err=True)
