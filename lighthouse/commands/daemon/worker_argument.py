"""Which worker a command is about: ``[KIND/]NAME``, completed from those that there are."""

from typing import Final

import click

from lighthouse.commands.completion.names import workers
from lighthouse.distribution.origin import GROUPS
from lighthouse.text import plain

_KINDS: Final = (*GROUPS, "web")

WorkerMeant = tuple[str, str]
"""A kind, empty if none was said, and a name."""


def _meant(_: click.Context, __: click.Parameter, value: str) -> WorkerMeant:
    kind, _slash, name = value.rpartition("/")
    if kind and kind not in _KINDS:
        raise click.BadParameter(f"{plain(kind)} is no kind: {', '.join(_KINDS)}")
    return kind, name


worker_argument: Final = click.argument(
    "worker", metavar="[KIND/]NAME", shell_complete=workers, callback=_meant
)
