"""``lighthouse resume-worker``: a worker that was paused goes on."""

from pathlib import Path

import click

from lighthouse.commands.daemon.pause_worker import order
from lighthouse.commands.daemon.worker_argument import WorkerMeant, worker_argument
from lighthouse.commands.down import caller
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.daemon.locate import find
from lighthouse.ipc.control import ResumeWorker
from lighthouse.text import plain


@click.command()
@worker_argument
@root_option
def command(root: Path, worker: WorkerMeant) -> None:
    """End the pause of a worker: its process is started, and given what is wanted by now.

    \b
    Exit codes:
      0  it is not paused (any more)
      1  no such worker
      3  the daemon is not running; nothing is done
    """
    ended = order(find(root), ResumeWorker(*worker, caller()))
    words = "goes on" if ended.changed else "was not paused"
    say(f"lighthouse: {ended.kind} {plain(ended.name)}: {words}")
