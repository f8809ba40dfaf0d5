"""``lighthouse status``: how the daemon, its workers and all that they care for are."""

import contextlib
import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from lighthouse.commands.failure import FAILED, CommandFailure, StatusNotRunning
from lighthouse.commands.output import worker_detail
from lighthouse.commands.output.console import console
from lighthouse.commands.output.status_tables import render
from lighthouse.commands.root_option import root_option
from lighthouse.daemon.client import DaemonClient, DaemonSilent
from lighthouse.daemon.locate import find
from lighthouse.daemon.status_document import StatusDocument, WorkerStatus, parse
from lighthouse.text import plain

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""

INTERVAL: Final = 1.0
"""Seconds between two looks of ``--watch``."""


@click.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print the document itself, as JSON.")
@click.option("--watch", is_flag=True, help="Show it anew every second, until Ctrl-C.")
@click.option("--worker", metavar="NAME", help="Show only this one, with all that it says.")
def command(root: Path, as_json: bool, watch: bool, worker: str | None) -> None:
    """Show how the daemon is, or one of its workers.

    \b
    Exit codes:
      0  healthy
      1  degraded: a worker is not well, a file has errors, or a cluster is stale
      3  not running
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
        click.echo(text)
    else:
        console().print(_show(document, worker))
    sys.exit(0 if _healthy(document, worker) else FAILED)


def _show(document: StatusDocument, worker: str | None) -> RenderableType:
    if worker is None:
        return render(document, time.time())
    return Group(*map(worker_detail.render, _named(document, worker)))


def _healthy(document: StatusDocument, worker: str | None) -> bool:
    if worker is None:
        return document.healthy
    return all(found.healthy for found in _named(document, worker))


def _named(document: StatusDocument, name: str) -> list[WorkerStatus]:
    """The workers of that name, one of each kind at most."""
    found = [worker for worker in document.workers if worker.name == name]
    if not found:
        names = ", ".join(sorted({worker.name for worker in document.workers})) or "none"
        raise CommandFailure(f"no worker {plain(name)}; there are: {plain(names)}")
    return found


def _ask(daemon: DaemonClient) -> bytes:
    try:
        text = daemon.status(PATIENCE)
    except (DaemonSilent, OSError) as error:
        raise CommandFailure(str(error)) from error
    if text is None:
        raise StatusNotRunning
    return text


def _read(text: bytes) -> StatusDocument:
    try:
        return parse(text)
    except msgspec.DecodeError as error:
        raise CommandFailure(f"the daemon's answer cannot be read: {error}") from error


def _watch(daemon: DaemonClient, as_json: bool, worker: str | None) -> None:
    """On a terminal one view that changes, elsewhere one after the other."""
    if as_json or not sys.stdout.isatty():
        while True:
            if as_json:
                _echo(daemon)
            else:
                console().print(_view(daemon, worker))
            sys.stdout.flush()
            time.sleep(INTERVAL)
    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(_view(daemon, worker), refresh=True)
            time.sleep(INTERVAL)


def _echo(daemon: DaemonClient) -> None:
    try:
        click.echo(_ask(daemon))
    except CommandFailure as failure:
        failure.show()


def _view(daemon: DaemonClient, worker: str | None) -> RenderableType:
    """The present state; a daemon that is away is watched for until it is back."""
    try:
        return _show(_read(_ask(daemon)), worker)
    except CommandFailure as failure:
        return Text(plain(f"lighthouse: {failure.message}"), "bold red")
