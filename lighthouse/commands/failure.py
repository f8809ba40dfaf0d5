"""How a command ends when it cannot do what it was asked: one line, one exit code."""

from typing import IO, Any, Final

import click

FAILED: Final = 1


class CommandFailure(click.ClickException):
    """An expected error; the text is for the operator."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"lighthouse: {self.format_message()}", file=file, err=file is None)


class NotRunning(CommandFailure):
    """There is no daemon; the exit code is that of the Linux Standard Base."""

    exit_code = 7

    def __init__(self) -> None:
        super().__init__("not running")


class StatusNotRunning(NotRunning):
    """The same for ``status``, which has a code of its own."""

    exit_code = 3
