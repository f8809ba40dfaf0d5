"""``lighthouse rollback``: a balancer serves an earlier version until that is ended."""

import time
from pathlib import Path

import click

from lighthouse.commands.completion.names import balancers
from lighthouse.commands.daemon.pause_worker import order
from lighthouse.commands.down import caller
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import root_option, span
from lighthouse.commands.output.console import say
from lighthouse.commands.question import PAUSE, workers
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import PinBalancer, UnpinBalancer
from lighthouse.text import plain


@click.command()
@click.argument("balancer", shell_complete=balancers)
@click.argument("version", required=False, type=click.IntRange(1))
@click.option("--unpin", is_flag=True, help="Follow again what is known by now.")
@click.option("--reason", default="", help="Why, for those who look at the status.")
@click.option(
    "--for", "lasting", metavar="TIME", callback=span, help="Then unpinned again: 90, 10m, 2h."
)
@click.option("--timeout", metavar="TIME", callback=span, default="30", show_default=True)
@root_option
def command(
    root: Path,
    balancer: str,
    version: int | None,
    unpin: bool,
    reason: str,
    lasting: float | None,
    timeout: float,
) -> None:
    """Pin BALANCER to a VERSION that it has applied before (`lighthouse history` has them).

    It serves the nodes, and obeys the files, as they were then, and follows no change until
    `lighthouse rollback BALANCER --unpin`, or until --for is over; also over restarts of the
    daemon and the host. `status` is degraded meanwhile and tells who, why and until when.
    Returns when the balancer has applied it.

    \b
    Exit codes:
      0  applied
      1  no such balancer or version, or not applied in time: it is pinned all the same
      3  the daemon is not running; nothing is done
    """
    daemon = find(root)
    if unpin:
        if version is not None or reason or lasting is not None:
            raise click.UsageError("--unpin stands alone")
        ended = order(daemon, UnpinBalancer(balancer, caller()))
        _wait(daemon, ended.name, timeout)
        told = "follows again what is known" if ended.changed else "was not pinned"
        say(f"lighthouse: balancer {plain(ended.name)}: {told}")
        return
    if version is None:
        raise click.UsageError("say to which VERSION, or --unpin")
    if not reason.strip() or not reason.isprintable():
        raise click.UsageError("--reason is needed: one line of printable text")
    until = None if lasting is None else time.time() + lasting
    begun = order(daemon, PinBalancer(balancer, version, reason, until, caller()))
    _wait(daemon, begun.name, timeout)
    say(f"lighthouse: balancer {plain(begun.name)}: is pinned to version {begun.version}")


def _wait(daemon: DaemonClient, name: str, timeout: float) -> None:
    """Return once the balancer has applied what it was sent last."""
    until = time.monotonic() + timeout
    while True:
        found = [w for w in workers(daemon) if (w.kind, w.name) == ("balancer", name)]
        for worker in found:
            done = worker.snapshot.behind_seconds is None and worker.snapshot.outcome
            if worker.state == "running" and done in ("applied", "unchanged", "degraded"):
                return
        if time.monotonic() >= until:
            reason = next((worker.reason for worker in found if worker.reason), "no answer yet")
            raise CommandFailure(plain(f"balancer {name}: not applied: {reason}"))
        time.sleep(PAUSE)
