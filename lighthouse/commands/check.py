"""``lighthouse check``: every fault of a configuration, before the daemon meets it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from lighthouse.commands.failure import FAILED
from lighthouse.commands.place import existing
from lighthouse.commands.root import root_option
from lighthouse.commands.text import plain
from lighthouse.commands.validation import Name, Task, validate
from lighthouse.config.fault import Fault
from lighthouse.config.installed import Installed
from lighthouse.config.kinds import Config
from lighthouse.config.tree import Tree
from lighthouse.messages import Rejection
from lighthouse.supervisor.faults import located
from lighthouse.supervisor.plan import plan
from lighthouse.supervisor.report import Host
from lighthouse.supervisor.state import State, section_name

_NOBODY: Final = Host("localhost", "127.0.0.1")


@click.command()
@root_option
def command(root: Path) -> None:
    """Check the configuration, as its files are now.

    Each plugin validates its own settings, in a process of its own, and has the software that
    it configures say what it thinks of them; nothing that runs is touched. Prints every fault
    as FILE:LINE:COLUMN. Exit code 0 if there is none but warnings, else 1.
    """
    tree = Tree(existing(root), Installed.here())
    tree.load()
    faults = sorted({*tree.faults, *_plugins_faults(tree)})
    for fault in faults:
        click.echo(plain(fault))
    if not all(fault.warning for fault in faults):
        sys.exit(FAILED)
    count = len(tree.texts)
    click.echo(f"{count} {'file' if count == 1 else 'files'} good")


def _plugins_faults(tree: Tree) -> Iterator[Fault]:
    """What the plugins say of what the tree's own rules let pass."""
    config = tree.config
    for name, answer in validate(tasks(config)).items():
        file, prefix = _origin(config, name)
        if answer.failure:
            message = f"{name[0]} {name[1]} cannot be validated: {answer.failure}"
            yield Fault(file, *tree.locate(file, prefix), message)
        for rejection in answer.rejections:
            yield from located(tree, *_section(config, name, rejection), rejection.problems)
        for said in answer.warnings:
            yield from located(tree, *_section(config, name, said), said.problems, warning=True)


def _origin(config: Config, name: Name) -> tuple[str, tuple[str | int, ...]]:
    """The file that is the reason for a worker, and the place in it."""
    kind, own = name
    match kind:
        case "balancer":
            return config.balancers[own].file, ()
        case "discovery":
            return config.discovery[own].file, ()
    users = (s for s in config.services.values() if any(c.plugin == own for c in s.checks))
    return next(users).file, ("checks", own)


def _section(
    config: Config, name: Name, rejection: Rejection
) -> tuple[str, tuple[str | int, ...]]:
    """The file and the section that a rejection is about."""
    if rejection.cluster in config.clusters:
        cluster = config.clusters[rejection.cluster]
        return cluster.file, (section_name(cluster, config.balancers[name[1]]),)
    if rejection.service in config.services:
        return config.services[rejection.service].file, ("checks", name[1])
    return _origin(config, name)


def tasks(config: Config) -> dict[Name, Task]:
    """One question for each worker that the daemon would run, about what it would be sent."""
    state = State(config, _NOBODY, {})
    state.configure(config, 0.0)
    return {
        name: Task(
            wanted.plugin,
            wanted.snapshot,
            wanted.settings.start_timeout + wanted.settings.sync_timeout,
        )
        for name, wanted in plan(state).items()
    }
