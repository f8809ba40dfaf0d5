"""``lighthouse down``: take a service of this host out, for maintenance."""

import getpass
import os
import time
from functools import partial
from pathlib import Path

import click

from lighthouse.commands.completion.names import services
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import Target, named, root_option, span, target
from lighthouse.commands.question import PATIENCE, PAUSE, ask, provided
from lighthouse.commands.question import until as until_free
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import (
    BeginMaintenance,
    EndMaintenance,
    GetRemoved,
    Maintained,
    Removed,
)
from lighthouse.net.connections import in_flight


@click.command()
@click.argument("service", metavar="SERVICE[:PORT]", callback=target, shell_complete=services)
@click.option("--reason", default="", help="Why, for those who look at the status.")
@click.option(
    "--for", "lasting", metavar="TIME", callback=span, help="Then up again: 90, 10m, 2h."
)
@click.option("--timeout", metavar="TIME", callback=span, default="30", show_default=True)
@click.option(
    "--quiet",
    metavar="TIME",
    callback=span,
    help="Then wait until its ports had no request and no traffic for so long.",
)
@click.option("--no-wait", is_flag=True, help="Return at once.")
@root_option
def command(
    root: Path,
    service: Target,
    reason: str,
    lasting: float | None,
    timeout: float,
    quiet: float | None,
    no_wait: bool,
) -> None:
    """Take a service of this host out: deregister it until `lighthouse up`.

    Returns when its discoveries have confirmed that its nodes are gone. Its checks go on. It
    stays out over restarts of the daemon and of the host, until its time is over. Said again,
    the newest reason and time count.

    \b
    Exit codes:
      0  out of every discovery
      1  no such service, or not confirmed (or still used) in time: it is out all the same
      3  the daemon is not running; nothing is done
    """
    if not reason.isprintable():
        raise click.UsageError("--reason is one line of printable text")
    daemon = find(root)
    until = None if lasting is None else time.time() + lasting
    begun = order(daemon, BeginMaintenance(*service, reason, until, caller()))
    if not no_wait:
        began = time.monotonic()
        _wait(daemon, service, timeout)
        if quiet is not None:
            ports = [one.port for one in provided(daemon, service)]
            left = timeout - (time.monotonic() - began)
            until_free(partial(in_flight, ports, quiet), left, "out, but still used")
    already = "" if begun.changed else " already"
    click.echo(f"lighthouse: {named(service)} is in maintenance{already}")


def order(daemon: DaemonClient, question: BeginMaintenance | EndMaintenance) -> Maintained:
    """The daemon's answer; a ``CommandFailure`` if it is an error or there is none."""
    answer = ask(daemon, question, Maintained)
    if answer.error:
        raise CommandFailure(answer.error)
    if answer.warning:
        click.echo(f"lighthouse: {answer.warning}", err=True)
    return answer


def caller() -> str:
    """The person's account as far as it can be told: sudo's word first, else the process's."""
    sudo = os.environ.get("SUDO_USER")
    if sudo:
        return sudo
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _wait(daemon: DaemonClient, service: Target, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = daemon.ask(GetRemoved(*service), Removed, PATIENCE)
            waiting = ("the daemon is away",) if answer is None else answer.waiting
        except (DaemonSilent, OSError) as error:
            waiting = (str(error),)
        if not waiting:
            return
        if time.monotonic() >= deadline:
            raise CommandFailure(
                f"out, but not confirmed within {timeout:g} s: {'; '.join(waiting)}"
            )
        time.sleep(PAUSE)
