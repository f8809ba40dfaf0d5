"""What every demonstration needs: a place, a terminal, and the log if something went wrong."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console

from lighthouse.demo.output import Output

_SHORT: Final = 30
"""Characters that a directory for temporary files may have; a socket's path has few."""

_PIPE_WIDTH: Final = 160
"""Columns where nothing says how many there are."""

_LOG: Final = 30
"""Lines of the daemon's log that are shown if something went wrong."""


def show_log(log: Path, output: Output) -> None:
    """The end of the daemon's log, for when something went wrong."""
    output.note("the end of the daemon's log:")
    with contextlib.suppress(OSError):
        for line in log.read_text(errors="replace").splitlines()[-_LOG:]:
            output.note(line)


def console() -> Console:
    """No markup and no guessing of colours in what others wrote; as wide as the terminal."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A directory that is removed in the end; its name is short enough for sockets in it."""
    parent = tempfile.gettempdir()
    short = parent if len(parent) <= _SHORT else "/tmp"
    directory = Path(tempfile.mkdtemp(prefix="lighthouse-", dir=short))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
