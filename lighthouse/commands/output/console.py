"""Printing: to whoever may have stopped reading, as wide as the screen."""

import os
import shutil
import sys
from collections.abc import Iterable

import click


def say(text: str | bytes, err: bool = False, color: bool | None = None) -> bool:
    """Print a text and a line end. Returns False if nobody reads on, which is no error.

    What cannot be written for any other reason raises ``OSError``.
    """
    try:
        click.echo(text, err=err, color=color)
    except BrokenPipeError:
        to_nowhere()
        return False
    return True


def to_nowhere() -> None:
    """Throw away what is left to be printed, so that the process can end well all the same."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def width() -> int | None:
    """Columns of the terminal, None where nobody is bound to any."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(lines: Iterable[str]) -> bool:
    """Print lines, with colours where a person reads them. Returns False if nobody reads on."""
    return say("\n".join(lines), color=_color())


def _color() -> bool | None:
    """What the terminal says, unless the user wants none."""
    return False if os.environ.get("NO_COLOR") else None
