"""Printing: to whoever may have stopped reading, as wide as the screen, or again and again."""

import os
import shutil
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import click

_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K\n"
_REST: Final = "\x1b[J"


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


def screen_size() -> tuple[int, int]:
    """Columns and lines of the terminal."""
    size = shutil.get_terminal_size()
    return size.columns, size.lines


def width() -> int | None:
    """Columns of the terminal, None where nobody is bound to any."""
    return screen_size()[0] if sys.stdout.isatty() else None


def show(lines: Iterable[str]) -> bool:
    """Print lines, with colours where a person reads them. Returns False if nobody reads on."""
    return say("\n".join(lines), color=_color())


class LiveView:
    """A screen of its own that is drawn anew; what was there before comes back at the end."""

    def __enter__(self) -> Self:
        click.echo(_ENTER, nl=False)
        return self

    def draw(self, lines: Iterable[str]) -> None:
        click.echo(_HOME + _END_OF_LINE.join(lines) + _REST, nl=False, color=_color())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        click.echo(_LEAVE, nl=False)


def _color() -> bool | None:
    """What the terminal says, unless the user wants none."""
    return False if os.environ.get("NO_COLOR") else None
