"""``lighthouse plugins``: what is installed, without importing any of it."""

from collections.abc import Iterator, Sequence
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
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.distribution.installed import Installed, PluginKey
from lighthouse.text import plain

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""

PluginRow = tuple[str, ...]


@click.command()
@root_option
def command(root: Path) -> None:
    """List the installed plugins.

    With their packages and modules, whether the configuration uses them, and what of them the
    running daemon runs; then what is wrong with a name or an entry point, and which workers run
    other code than is installed.
    """
    installed = Installed.here()
    tree = Tree(root, installed)
    tree.load()
    used = set(_used(tree.config))
    workers = _workers(root)
    head = ("KIND", "NAME", "USED", "PACKAGE", "RUNS", "MODULE")
    rows = [head, *sorted(_rows(installed, used, workers))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    for *columns, module in rows:
        cells = [cell.ljust(width) for cell, width in zip(columns, widths, strict=True)]
        say("  ".join([*cells, module]))
    for line in (*_clashes(installed), *map(str, installed.misplaced), *_outdated(workers)):
        say(plain(line))


def _used(config: Config) -> Iterator[PluginKey]:
    """Kind and name of every plugin that has a worker."""
    yield from (("balancer", file.plugin) for file in config.balancers.values())
    yield from (("discovery", file.plugin) for file in config.discovery.values())
    for service in config.services.values():
        yield from (("check", check.plugin) for check in service.checks)


def _rows(
    installed: Installed, used: set[PluginKey], workers: Sequence[WorkerStatus]
) -> set[PluginRow]:
    found = set()
    for (kind, name), offers in installed.offers.items():
        runs = {w.package for w in workers if (w.kind, w.plugin) == (kind, name) and w.package}
        use, running = _use(installed, (kind, name), used), ", ".join(sorted(runs)) or "-"
        for offer in offers:
            row = (kind, name, use, str(offer), running, offer.module)
            found.add(tuple(map(plain, row)))
    return found


def _use(installed: Installed, key: PluginKey, used: set[PluginKey]) -> str:
    return "yes" if key in used and installed.origin(*key) is not None else "no"


def _clashes(installed: Installed) -> Iterator[str]:
    yield from filter(None, (installed.clash(*key) for key in sorted(installed.offers)))


def _workers(root: Path) -> tuple[WorkerStatus, ...]:
    """Those of the running daemon, none if it cannot be asked."""
    try:
        text = find(root).status(PATIENCE)
    except (DaemonSilent, OSError):
        return ()
    return parse(text).workers if text is not None else ()


def _outdated(workers: Sequence[WorkerStatus]) -> Iterator[str]:
    """Those whose code is not what is installed."""
    for worker in workers:
        if worker.outdated:
            yield f"{worker.kind} {worker.name}: {worker.outdated}"
