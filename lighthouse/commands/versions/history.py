"""``lighthouse history``: what each balancer applied lately, why, and what was new in it."""

import time
from pathlib import Path
from typing import Final

import click
import msgspec

from lighthouse.commands.completion.names import balancers
from lighthouse.commands.failure import CommandFailure, StatusNotRunning
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.commands.output.history import lines
from lighthouse.commands.question import PATIENCE, asking
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.history_document import BalancerHistory, HistoryDocument, parse_history
from lighthouse.daemon.locate import find
from lighthouse.text import plain

SHOWN: Final = 10


@click.command()
@click.argument("balancer", required=False, default="", shell_complete=balancers)
@click.option("-n", "count", default=SHOWN, show_default=True, type=click.IntRange(1, 1000))
@click.option("--diff", is_flag=True, help="Tell of every node and line that was new.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@root_option
def command(root: Path, balancer: str, count: int, diff: bool, as_json: bool) -> None:
    """Show the versions that BALANCER (or each) applied last, the newest first.

    Of each: when, what led to it (the file, or the cluster that a discovery saw changing, with
    the trace id that the log has too), how long the balancer took, whether it reloaded, and
    what differs from the version before. `lighthouse rollback` goes back to one.

    \b
    Exit codes:
      0  shown
      1  no such balancer, or no answer
      3  not running
    """
    found = _ask(find(root), balancer, count)
    if as_json:
        say(msgspec.json.encode(found))
        return
    for line in lines(found, time.time(), diff):
        say(line)


def _ask(daemon: DaemonClient, balancer: str, count: int) -> HistoryDocument:
    """The newest versions, asked for piece by piece so that the daemon is never held up."""
    first = _piece(daemon, balancer, None)
    return HistoryDocument(
        balancers=tuple(_complete(daemon, one, count) for one in first.balancers)
    )


def _complete(daemon: DaemonClient, found: BalancerHistory, count: int) -> BalancerHistory:
    versions = [*found.versions]
    while versions and len(versions) < count:
        more = _piece(daemon, found.balancer, versions[-1].version).balancers
        older = more[0].versions if more else ()
        if not older:
            break
        versions += older
    return msgspec.structs.replace(found, versions=tuple(versions[:count]))


def _piece(daemon: DaemonClient, balancer: str, before: int | None) -> HistoryDocument:
    try:
        with asking():
            text = daemon.history(balancer, before, PATIENCE)
    except LookupError as error:
        raise CommandFailure(plain(error.args[0])) from error
    if text is None:
        raise StatusNotRunning(daemon.root)
    try:
        return parse_history(text)
    except msgspec.DecodeError as error:
        raise CommandFailure(f"the daemon's answer cannot be read: {error}") from error
