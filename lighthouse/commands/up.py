"""``lighthouse up``: end the maintenance of a service of this host."""

from pathlib import Path

import click

from lighthouse.commands.completion.names import services
from lighthouse.commands.down import caller, order
from lighthouse.commands.options import Target, named, root_option, target
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import EndMaintenance


@click.command()
@click.argument("service", metavar="SERVICE[:PORT]", callback=target, shell_complete=services)
@root_option
def command(root: Path, service: Target) -> None:
    """Let a service be registered again as soon as its checks pass.

    Does not wait for them: `lighthouse wait CLUSTER NODE` does, on a host that uses the cluster.

    \b
    Exit codes:
      0  it is not in maintenance (any more)
      1  no such service
      3  the daemon is not running; nothing is done
    """
    ended = order(find(root), EndMaintenance(*service, caller()))
    words = "its maintenance is over" if ended.changed else "was not in maintenance"
    click.echo(f"lighthouse: {named(service)}: {words}")
