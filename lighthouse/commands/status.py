"""``lighthouse status``: how the daemon, its workers and all that they care for are."""

import contextlib
import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from lighthouse.commands.document import Document, parse
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
def command(root: Path, as_json: bool, watch: bool) -> None:
    """Show how the daemon is.

    \b
    Exit codes:
      0  healthy
      1  degraded: a worker is not well, a file has errors, or a cluster is stale
      3  not running
    """
    daemon = find(root)
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            _watch(daemon, as_json)
        return
    text = _ask(daemon)
    document = _read(text)
    if as_json:
        click.echo(text)
    else:
        console().print(render(document, time.time()))
    sys.exit(0 if document.healthy else FAILED)


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


def _watch(daemon: Daemon, as_json: bool) -> None:
    """On a terminal one view that changes, elsewhere one after the other."""
    if as_json or not sys.stdout.isatty():
        while True:
            if as_json:
                _echo(daemon)
            else:
                console().print(_view(daemon))
            sys.stdout.flush()
            time.sleep(INTERVAL)
    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(_view(daemon), refresh=True)
            time.sleep(INTERVAL)


def _echo(daemon: Daemon) -> None:
    try:
        click.echo(_ask(daemon))
    except Failure as failure:
        failure.show()


def _view(daemon: Daemon) -> RenderableType:
    """The present state; a daemon that is away is watched for until it is back."""
    try:
        return render(_read(_ask(daemon)), time.time())
    except Failure as failure:
        return Text(plain(f"lighthouse: {failure.message}"), "bold red")
