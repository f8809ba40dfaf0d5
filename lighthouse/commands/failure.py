"""How a command ends when it cannot do what it was asked: one line, one exit code."""

from pathlib import Path
from typing import IO, Any, Final

import click

FAILED: Final = 1


class CommandFailure(click.ClickException):
    """An expected error; the text is for the operator."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"lighthouse: {self.format_message()}", file=file, err=file is None)


class MissingRight(CommandFailure):
    """The caller has no right to it; the exit code is that of the Linux Standard Base."""

    exit_code = 4


class NotRunning(CommandFailure):
    """There is no daemon; the exit code is that of the Linux Standard Base."""

    exit_code = 7

    def __init__(self, root: Path) -> None:
        super().__init__(not_running(root))


class StatusNotRunning(NotRunning):
    """The same for ``status``, which has a code of its own."""

    exit_code = 3


class StatusUnknown(CommandFailure):
    """It cannot be told if there is a daemon, or how it is; again the standard's code."""

    exit_code = 4


def not_running(root: Path) -> str:
    """The words for it, and what else is the matter if it is that the place is wrong."""
    if root.is_dir():
        return "not running"
    return f"not running, and {root} is no directory; -c names another configuration"


def failure(error: OSError) -> CommandFailure:
    """What the system has refused, as the end of a command."""
    where = f"{error.filename}: " if error.filename else ""
    text = f"{where}{error.strerror or error}"
    return MissingRight(text) if isinstance(error, PermissionError) else CommandFailure(text)
