"""``lighthouse plugins``: what is installed, without importing any of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.config.schema.types import Config
from lighthouse.config.tree import Tree
from lighthouse.daemon.client import DaemonSilent
from lighthouse.daemon.locate import find
from lighthouse.daemon.status_document import parse
from lighthouse.installed import Installed, PluginKey
from lighthouse.text import plain

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""

PluginRow = tuple[str, ...]


@click.command()
@root_option
def command(root: Path) -> None:
    """List the installed plugins.

    With their packages and modules, and whether the configuration uses them; then what is
    wrong with a name, and which workers of a running daemon run other code than is installed.
    """
    installed = Installed.here()
    tree = Tree(root, installed)
    tree.load()
    used = set(_used(tree.config))
    rows = [("KIND", "NAME", "USED", "PACKAGE", "MODULE"), *sorted(_rows(installed, used))]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for *columns, module in rows:
        cells = [cell.ljust(width) for cell, width in zip(columns, widths, strict=True)]
        say("  ".join([*cells, module]))
    for line in (*_clashes(installed), *_outdated(root)):
        say(plain(line))


def _used(config: Config) -> Iterator[PluginKey]:
    """Kind and name of every plugin that has a worker."""
    yield from (("balancer", file.plugin) for file in config.balancers.values())
    yield from (("discovery", file.plugin) for file in config.discovery.values())
    for service in config.services.values():
        yield from (("check", check.plugin) for check in service.checks)


def _rows(installed: Installed, used: set[PluginKey]) -> set[PluginRow]:
    return {
        (kind, plain(name), _use(installed, (kind, name), used), plain(offer), plain(offer.module))
        for (kind, name), offers in installed.offers.items()
        for offer in offers
    }


def _use(installed: Installed, key: PluginKey, used: set[PluginKey]) -> str:
    return "yes" if key in used and installed.origin(*key) is not None else "no"


def _clashes(installed: Installed) -> Iterator[str]:
    yield from filter(None, (installed.clash(*key) for key in sorted(installed.offers)))


def _outdated(root: Path) -> Iterator[str]:
    """What a running daemon says of workers whose code is not what is installed."""
    try:
        text = find(root).status(PATIENCE)
    except (DaemonSilent, OSError):
        return
    for worker in parse(text).workers if text is not None else ():
        if worker.outdated:
            yield f"{worker.kind} {worker.name}: {worker.outdated}"
