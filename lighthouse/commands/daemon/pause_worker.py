"""``lighthouse pause-worker``: a worker does nothing for a while, and everybody is told."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.daemon.worker_argument import WorkerMeant, worker_argument
from lighthouse.commands.down import caller
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import root_option, span
from lighthouse.commands.output.console import say
from lighthouse.commands.question import PAUSE, ask, workers
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import (
    PauseWorker,
    PinBalancer,
    ResumeWorker,
    UnpinBalancer,
    WorkerOrdered,
)
from lighthouse.text import plain

_EFFECTS: Final[Mapping[str, str]] = {
    "balancer": "its software serves on as it was configured last, and follows no change",
    "discovery": "the nodes that it read last are served on; what it has registered stays as "
    "long as after a kill (its `ttl`, session or lease), then it expires",
    "web": "the status page and the metrics are not served",
    "check": "the services that it checks count as down after their `on_check_loss`",
}
"""What a pause means, for each kind."""


@click.command()
@worker_argument
@click.option("--reason", required=True, help="Why, for those who look at the status.")
@click.option(
    "--for", "lasting", metavar="TIME", callback=span, help="Then it goes on: 90, 10m, 2h."
)
@click.option("--timeout", metavar="TIME", callback=span, default="30", show_default=True)
@root_option
def command(
    root: Path, worker: WorkerMeant, reason: str, lasting: float | None, timeout: float
) -> None:
    """Stop one worker's process, and start none until `lighthouse resume-worker`.

    For a plugin that misbehaves: it does nothing any more, and what it has configured serves on
    as it is. It is asked to end cleanly, but deregisters nothing. It stays paused over restarts
    of the daemon and of the host, until its time is over; `status` is degraded meanwhile and
    tells who, why and until when. Said again, the newest reason and time count.

    \b
    Exit codes:
      0  its process has ended
      1  no such worker, or it has not ended in time: it is paused all the same
      3  the daemon is not running; nothing is done
    """
    if not reason.strip() or not reason.isprintable():
        raise click.UsageError("--reason is one line of printable text")
    daemon = find(root)
    until = None if lasting is None else time.time() + lasting
    begun = order(daemon, PauseWorker(*worker, reason, until, caller()))
    _wait(daemon, begun, timeout)
    already = "" if begun.changed else " already"
    say(f"lighthouse: {begun.kind} {plain(begun.name)}: is paused{already}")
    say(f"lighthouse: {_EFFECTS[begun.kind]}", err=True)


def order(
    daemon: DaemonClient, question: PauseWorker | ResumeWorker | PinBalancer | UnpinBalancer
) -> WorkerOrdered:
    """The daemon's answer; a ``CommandFailure`` if it is an error or there is none."""
    answer = ask(daemon, question, WorkerOrdered)
    if answer.error:
        raise CommandFailure(plain(answer.error))
    if answer.warning:
        say(f"lighthouse: {plain(answer.warning)}", err=True)
    return answer


def _wait(daemon: DaemonClient, asked: WorkerOrdered, timeout: float) -> None:
    """Return once its process has ended."""
    until = time.monotonic() + timeout
    while True:
        found = [w for w in workers(daemon) if (w.kind, w.name) == (asked.kind, asked.name)]
        if all(worker.state == "paused" for worker in found):
            return
        if time.monotonic() >= until:
            name = f"{asked.kind} {plain(asked.name)}"
            raise CommandFailure(f"{name}: is paused, but has not ended within {timeout:g} s")
        time.sleep(PAUSE)
