"""The names of the plugins that are installed; apart, for to look for them takes its time."""

import click
from click.shell_completion import CompletionItem

from lighthouse.commands.completion.names import items
from lighthouse.distribution.installed import Installed
from lighthouse.distribution.origin import GROUPS


def plugins(ctx: click.Context, _: click.Parameter, typed: str) -> list[CompletionItem]:
    """All of them, or those of the kind that is said."""
    installed = Installed.here()
    said = ctx.params.get("kind")
    kinds = [said] if said in GROUPS else [] if said else [*GROUPS]
    return items(typed, (name for kind in kinds for name in installed.names(kind)))
