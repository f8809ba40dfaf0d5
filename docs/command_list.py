"""The commands of the command line as Markdown, for lighthouse(8)."""

import inspect
import textwrap
from collections.abc import Iterator
from typing import Final

import click

_COMMON: Final = {"-c", "-h", "--help", "--version"}
"""Options that nearly every command has: the page tells of them once."""


def render(group: click.Group, ctx: click.Context) -> str:
    """Return a definition list: each command with its arguments, its help and its options."""
    found = []
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        found.append("\n".join(_lines(f"lighthouse {name}", command)))
    return "\n\n".join(found)


def _lines(name: str, command: click.Command) -> Iterator[str]:
    ctx = click.Context(command, info_name=name)
    if isinstance(command, click.Group):
        yield render(command, ctx)
        return
    yield f"`{' '.join([name, *command.collect_usage_pieces(ctx)])}`"
    body = "\n\n".join((*_paragraphs(command.help or ""), *_options(command, ctx)))
    yield ":   " + textwrap.indent(body, "    ").lstrip()


def _paragraphs(text: str) -> Iterator[str]:
    r"""What stands behind ``\b`` keeps its lines, as click itself has it."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        kept = paragraph.removeprefix("\b\n")
        yield paragraph if kept == paragraph else f"```text\n{kept}\n```"


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        known = not isinstance(parameter, click.Option) or _COMMON.intersection(parameter.opts)
        if record is not None and not known:
            yield f"`{record[0]}`\n:   {record[1]}"
