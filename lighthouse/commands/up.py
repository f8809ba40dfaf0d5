"""``lighthouse up``: end the maintenance of a service of this host."""

from functools import partial
from pathlib import Path

import click

from lighthouse.commands.completion.names import services
from lighthouse.commands.down import caller, order
from lighthouse.commands.options import Target, named, root_option, span, target
from lighthouse.commands.question import provided, until
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import EndMaintenance


@click.command()
@click.argument("service", metavar="SERVICE[:PORT]", callback=target, shell_complete=services)
@click.option("--wait", "waits", is_flag=True, help="Until it is registered, by checks made anew.")
@click.option("--timeout", metavar="TIME", callback=span, default="60", show_default=True)
@root_option
def command(root: Path, service: Target, waits: bool, timeout: float) -> None:
    """Let a service be registered again as soon as its checks pass.

    Does not wait for them, but with --wait: then nothing counts that they found out before now,
    and it returns when the service is registered. `lighthouse wait CLUSTER NODE` waits for those
    who use it, on their host.

    \b
    Exit codes:
      0  it is not in maintenance (any more); with --wait it is registered
      1  no such service; or not registered in time, with the reason
      3  the daemon is not running; nothing is done
    """
    daemon = find(root)
    ended = order(daemon, EndMaintenance(*service, caller(), anew=waits))
    if waits:
        until(partial(_lacking, daemon, service), timeout, "not registered")
    words = "its maintenance is over" if ended.changed else "was not in maintenance"
    click.echo(f"lighthouse: {named(service)}: {words}")


def _lacking(daemon: DaemonClient, service: Target) -> str:
    """Why it is not registered everywhere yet, empty if it is."""
    found = []
    for one in provided(daemon, service):
        if not one.registered:
            checks = [f"{each.plugin}: {each.reason}" for each in one.checks if not each.passing]
            where = [
                f"{each.discovery}: {each.reason}" for each in one.registrations if each.reason
            ]
            out = [one.maintenance.reason] if one.maintenance is not None else []
            found.append(f"port {one.port}: {'; '.join(out + checks + where) or 'not yet'}")
    return "; ".join(found)
