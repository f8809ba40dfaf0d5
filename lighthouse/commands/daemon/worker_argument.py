"""Which worker a command is about: ``[KIND/]NAME``, completed from those that there are."""

from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from lighthouse.commands.failure import CommandFailure
from lighthouse.commands.options import DEFAULT
from lighthouse.commands.question import workers
from lighthouse.daemon.locate import find
from lighthouse.origin import GROUPS
from lighthouse.text import plain

_KINDS: Final = (*GROUPS, "web")

WorkerMeant = tuple[str, str]
"""A kind, empty if none was said, and a name."""


def _complete(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """KIND/NAME of the workers that there are; nothing if that cannot be asked."""
    root = ctx.params.get("root") or Path(DEFAULT)
    try:
        found = workers(find(root))
    except (CommandFailure, OSError):
        return []
    names = [f"{worker.kind}/{worker.name}" for worker in found]
    return [CompletionItem(name) for name in names if name.startswith(typed)]


def _meant(_: click.Context, __: click.Parameter, value: str) -> WorkerMeant:
    kind, _slash, name = value.rpartition("/")
    if kind and kind not in _KINDS:
        raise click.BadParameter(f"{plain(kind)} is no kind: {', '.join(_KINDS)}")
    return kind, name


worker_argument: Final = click.argument(
    "worker", metavar="[KIND/]NAME", shell_complete=_complete, callback=_meant
)
