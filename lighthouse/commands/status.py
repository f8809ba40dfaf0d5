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

from lighthouse.commands import detail
from lighthouse.commands.document import Document, Worker, parse
from lighthouse.commands.failure import FAILED, Failure, StatusNotRunning
from lighthouse.commands.root import root_option
from lighthouse.commands.terminal import console
from lighthouse.commands.text import plain
from lighthouse.commands.view import render
from lighthouse.supervisor.daemon import Daemon, Unanswered
from lighthouse.supervisor.whereabouts import find

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


def _show(document: Document, worker: str | None) -> RenderableType:
    if worker is None:
        return render(document, time.time())
    return Group(*map(detail.render, _named(document, worker)))


def _healthy(document: Document, worker: str | None) -> bool:
    if worker is None:
        return document.healthy
    return all(found.healthy for found in _named(document, worker))


def _named(document: Document, name: str) -> list[Worker]:
    """The workers of that name, one of each kind at most."""
    found = [worker for worker in document.workers if worker.name == name]
    if not found:
        names = ", ".join(sorted({worker.name for worker in document.workers})) or "none"
        raise Failure(f"no worker {plain(name)}; there are: {plain(names)}")
    return found


def _ask(daemon: Daemon) -> bytes:
    try:
        text = daemon.status(PATIENCE)
    except (Unanswered, OSError) as error:
        raise Failure(str(error)) from error
    if text is None:
        raise StatusNotRunning
    return text


def _read(text: bytes) -> Document:
    try:
        return parse(text)
    except msgspec.DecodeError as error:
        raise Failure(f"the daemon's answer cannot be read: {error}") from error


def _watch(daemon: Daemon, as_json: bool, worker: str | None) -> None:
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


def _echo(daemon: Daemon) -> None:
    try:
        click.echo(_ask(daemon))
    except Failure as failure:
        failure.show()


def _view(daemon: Daemon, worker: str | None) -> RenderableType:
    """The present state; a daemon that is away is watched for until it is back."""
    try:
        return _show(_read(_ask(daemon)), worker)
    except Failure as failure:
        return Text(plain(f"lighthouse: {failure.message}"), "bold red")
