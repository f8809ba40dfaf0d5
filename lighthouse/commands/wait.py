"""``lighthouse wait``: until this host's balancers serve a node, or no longer do."""

import time
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.completion.names import clusters, nodes
from lighthouse.commands.failure import CommandFailure, MissingRight, StatusNotRunning
from lighthouse.commands.options import root_option, span
from lighthouse.commands.question import PATIENCE, PAUSE
from lighthouse.daemon.client import DaemonClient, DaemonSilent, NotAllowed
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import GetServed, Served

GRACE: Final = 5.0
"""Seconds for a cluster to turn up in the configuration."""


@click.command()
@click.argument("cluster", shell_complete=clusters)
@click.argument("node", required=False, shell_complete=nodes)
@click.option("--present/--absent", default=True, help="Which to wait for.  [default: present]")
@click.option("--timeout", metavar="TIME", callback=span, default="60", show_default=True)
@root_option
def command(root: Path, cluster: str, node: str | None, present: bool, timeout: float) -> None:
    """Wait until every balancer of this host serves NODE in CLUSTER, or with --absent until
    none does any more.

    NODE is host:port, ip:port, host or ip; of a host with several nodes one is enough, and none
    is absent. A node that a section keeps in maintenance or drains is not present. Without NODE:
    until all that is known of the cluster is served, or with --absent until it has no nodes. A
    restart of the daemon meanwhile is waited for too.

    \b
    Exit codes:
      0  so it is
      1  not within the time, with the reason; or there is no such cluster
      3  the daemon is not running
    """
    wait(find(root), GetServed(cluster, node, not present), timeout)


def wait(daemon: DaemonClient, question: GetServed, timeout: float) -> None:
    """Until nothing is lacking; a ``CommandFailure`` says what still is."""
    began = time.monotonic()
    answer = _ask(daemon, question)
    if answer is None:
        raise StatusNotRunning(daemon.root)
    while answer is None or answer.error or answer.waiting:
        now = time.monotonic()
        if answer is not None and answer.error and now >= began + min(timeout, GRACE):
            raise CommandFailure(answer.error)
        if now >= began + timeout:
            if answer is None:
                raise StatusNotRunning(daemon.root)
            raise CommandFailure(f"not within {timeout:g} s: {'; '.join(answer.waiting)}")
        time.sleep(PAUSE)
        answer = _ask(daemon, question)


def _ask(daemon: DaemonClient, question: GetServed) -> Served | None:
    """Why not yet, in the daemon's words or in ours; None if there is no daemon."""
    try:
        return daemon.ask(question, Served, PATIENCE)
    except NotAllowed as error:
        raise MissingRight(str(error)) from error
    except (DaemonSilent, OSError) as error:
        return Served(waiting=(str(error),))
