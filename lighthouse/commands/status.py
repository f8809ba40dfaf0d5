"""``lighthouse status``: how the daemon, its workers and all that they care for are."""

import contextlib
import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from lighthouse.commands.completion.names import worker_names
from lighthouse.commands.failure import FAILED, CommandFailure, StatusNotRunning, StatusUnknown
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say, show, width
from lighthouse.commands.output.status_tables import render
from lighthouse.commands.output.worker_detail import detail
from lighthouse.commands.watch.live import LiveView
from lighthouse.commands.watch.terminal import is_interactive
from lighthouse.commands.watch.view import ViewState
from lighthouse.daemon.causes import concerns, words
from lighthouse.daemon.client import DaemonClient, DaemonSilent, NotAllowed
from lighthouse.daemon.locate import find
from lighthouse.daemon.status_document import StatusDocument, parse
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.distribution.origin import GROUPS
from lighthouse.text import plain

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""

INTERVAL: Final = 1.0
"""Seconds between two looks of ``--watch``."""


@click.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print the document itself, as JSON.")
@click.option("--watch", is_flag=True, help="Show it all the time, until q; ? tells the keys.")
@click.option(
    "--worker",
    metavar="NAME",
    help="Show only this one, with all that it says.",
    shell_complete=worker_names,
)
def command(root: Path, as_json: bool, watch: bool, worker: str | None) -> None:
    """Show how the daemon is, or one of its workers.

    \b
    Exit codes:
      0  healthy
      1  degraded: a worker is not well, a file has errors, or a cluster is stale
      3  not running
      4  that cannot be told: it may not be asked, or its place cannot be read
    """
    if as_json and worker is not None:
        raise click.UsageError("--json prints the whole document: not with --worker")
    daemon = find(root)
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            _watch(daemon, as_json, worker)
        return
    text = _ask(daemon)
    document = _read(text)
    if as_json:
        say(text)
    else:
        show(_lines(document, worker, width()))
    sys.exit(0 if _healthy(document, worker) else FAILED)


def _lines(document: StatusDocument, worker: str | None, columns: int | None) -> list[str]:
    now = time.time()
    if worker is None:
        return [*render(document, now, columns)]
    found = _named(document, worker)
    return [line for one in found for line in detail(one, _about(document, one), now, columns)]


def _healthy(document: StatusDocument, worker: str | None) -> bool:
    if worker is None:
        return document.healthy
    found = _named(document, worker)
    return all(one.healthy and not _about(document, one) for one in found)


def _named(document: StatusDocument, name: str) -> list[WorkerStatus]:
    """The workers of that name, one of each kind at most."""
    found = [worker for worker in document.workers if worker.name == name]
    if not found:
        raise CommandFailure(_unknown(document, name))
    return found


def _unknown(document: StatusDocument, name: str) -> str:
    """Why there is no such worker; one that should be there has a cause for that."""
    kinds = (*GROUPS, "web")
    asked = [WorkerStatus(kind=kind, name=name) for kind in kinds]
    causes = [text for one in asked for text in _about(document, one)]
    if causes:
        return f"no worker {plain(name)} runs: {plain('; '.join(causes))}"
    names = ", ".join(sorted({worker.name for worker in document.workers})) or "none"
    return f"no worker {plain(name)}; there are: {plain(names)}"


def _about(document: StatusDocument, worker: WorkerStatus) -> list[str]:
    """Why a worker is not well, in words."""
    return [words(cause) for cause in document.causes if concerns(cause, worker)]


def _ask(daemon: DaemonClient) -> bytes:
    try:
        text = daemon.status(PATIENCE)
    except (NotAllowed, OSError) as error:
        raise StatusUnknown(str(error)) from error
    except DaemonSilent as error:
        raise CommandFailure(str(error)) from error
    if text is None:
        raise StatusNotRunning(daemon.root)
    return text


def _read(text: bytes) -> StatusDocument:
    try:
        return parse(text)
    except msgspec.DecodeError as error:
        raise CommandFailure(f"the daemon's answer cannot be read: {error}") from error


def _watch(daemon: DaemonClient, as_json: bool, worker: str | None) -> None:
    """On a terminal a view that is steered by keys, elsewhere one after the other."""
    if as_json or not is_interactive():
        while _echo(daemon) if as_json else show(_view(daemon, worker)):
            time.sleep(INTERVAL)
        return
    LiveView(daemon, ViewState() if worker is None else _of_worker(daemon, worker)).run()


def _of_worker(daemon: DaemonClient, name: str) -> ViewState:
    """The view that begins with this worker; a ``CommandFailure`` if there is none."""
    found = _named(_read(_ask(daemon)), name)[0]
    return ViewState(mode="detail", selected=("worker", f"{found.kind}/{found.name}"))


def _echo(daemon: DaemonClient) -> bool:
    try:
        return say(_ask(daemon))
    except CommandFailure as failure:
        failure.show()
        return True


def _view(daemon: DaemonClient, worker: str | None) -> list[str]:
    """The present state; a daemon that is away is watched for until it is back."""
    try:
        return _lines(_read(_ask(daemon)), worker, None)
    except CommandFailure as failure:
        return [click.style(plain(f"lighthouse: {failure.message}"), fg="red", bold=True)]
