"""``lighthouse restart-worker``: one worker's process is started anew."""

import time
from pathlib import Path

import click

from lighthouse.commands.daemon.worker_argument import WorkerMeant, worker_argument
from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import root_option, span
from lighthouse.commands.output.console import say
from lighthouse.commands.question import PAUSE, ask, workers
from lighthouse.daemon.client import DaemonClient
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import RestartingWorker, RestartWorker
from lighthouse.text import plain


@click.command()
@worker_argument
@click.option("--timeout", metavar="TIME", callback=span, default="30", show_default=True)
@click.option("--no-wait", is_flag=True, help="Return at once.")
@click.option("--force", is_flag=True, help="End it at once, whether or not another can start.")
@root_option
def command(root: Path, worker: WorkerMeant, timeout: float, no_wait: bool, force: bool) -> None:
    """Start one worker's process anew, with the code that is installed now.

    What it has registered stays, and so does the software that it configures; others are not
    touched. The new process loads the plugin and validates its files before the old one ends;
    if it cannot, the old one runs on. One that waits for its next try is tried at once. Returns
    when the new process has done its work once.

    \b
    Exit codes:
      0  it runs anew
      1  there is no such worker, or no other can take its place, with the reason
      3  the daemon is not running
    """
    kind, name = worker
    daemon = find(root)
    answer = ask(daemon, RestartWorker(kind, name, force), RestartingWorker)
    if answer.error:
        raise CommandFailure(plain(answer.error))
    if no_wait:
        say(f"lighthouse: {answer.kind} {name}: starting anew")
        return
    pid = _wait(daemon, answer, timeout)
    say(f"lighthouse: {answer.kind} {name}: runs anew (pid {pid})")


def _wait(daemon: DaemonClient, asked: RestartingWorker, timeout: float) -> int:
    """The number of the new process, once it has done its work."""
    until = time.monotonic() + timeout
    while True:
        found = [w for w in workers(daemon) if (w.kind, w.name) == (asked.kind, asked.name)]
        new = [w for w in found if w.pid not in (None, asked.pid)]
        for worker in new:
            if worker.pid is not None and worker.snapshot.outcome is not None:
                return worker.pid
        if any(w.state == "waiting" or w.refused for w in found) or time.monotonic() >= until:
            reason = next(
                (w.refused or w.reason for w in found if w.reason), "it has not done its work yet"
            )
            if any(w.refused for w in found):
                reason += "; with --force it ends all the same"
            raise CommandFailure(plain(f"{asked.kind} {asked.name}: {reason}"))
        time.sleep(PAUSE)
