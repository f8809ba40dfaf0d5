"""``lighthouse plugins``: what is installed, without importing any of it."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.root_option import root_option
from lighthouse.config.installed import Installed
from lighthouse.config.tree import Tree
from lighthouse.config.types import Config
from lighthouse.text import plain

GROUPS: Final = {
    "balancer": "lighthouse.balancers",
    "check": "lighthouse.checks",
    "discovery": "lighthouse.discovery",
}

Row = tuple[str, ...]


@click.command()
@root_option
def command(root: Path) -> None:
    """List the installed plugins.

    With their packages and modules, and whether the configuration uses them.
    """
    tree = Tree(root, Installed.here())
    tree.load()
    used = set(_used(tree.config))
    rows = [("KIND", "NAME", "USED", "PACKAGE", "MODULE"), *sorted(_rows(used))]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for *columns, module in rows:
        cells = [cell.ljust(width) for cell, width in zip(columns, widths, strict=True)]
        click.echo("  ".join([*cells, module]))


def _used(config: Config) -> Iterator[tuple[str, str]]:
    """Kind and name of every plugin that has a worker."""
    yield from (("balancer", file.plugin) for file in config.balancers.values())
    yield from (("discovery", file.plugin) for file in config.discovery.values())
    for service in config.services.values():
        yield from (("check", check.plugin) for check in service.checks)


def _rows(used: set[tuple[str, str]]) -> set[Row]:
    rows: set[Row] = set()
    for kind, group in GROUPS.items():
        for point in metadata.entry_points(group=group):
            use = "yes" if (kind, point.name) in used else "no"
            rows.add((kind, plain(point.name), use, plain(_package(point)), plain(point.value)))
    return rows


def _package(point: metadata.EntryPoint) -> str:
    found = point.dist
    return "?" if found is None else f"{found.name} {found.version}"
