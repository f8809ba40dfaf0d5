"""``lighthouse check``: every fault of a configuration, before the daemon meets it."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lighthouse.commands.directories import existing
from lighthouse.commands.failure import FAILED
from lighthouse.commands.offline.descriptors import too_few
from lighthouse.commands.offline.plugin_faults import besides, failed, placed, warned
from lighthouse.commands.offline.trial import NOBODY, ask, tasks
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.config.directories import obstacle, run_dir, state_dir
from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.daemon.last_settings import NAMES
from lighthouse.distribution.installed import Installed
from lighthouse.ipc.messages import Failed, Validate, Validated
from lighthouse.net.address import default_address
from lighthouse.net.listeners import listeners, unreachable
from lighthouse.registration.services import ports
from lighthouse.supervisor.answers.claims import conflicts
from lighthouse.supervisor.state import State
from lighthouse.text import plain


@click.command()
@root_option
def command(root: Path) -> None:
    """Check the configuration, as its files are now.

    Each plugin validates its own settings, in a process of its own, and has the software that
    it configures say what it thinks of them; nothing that runs is touched. Prints every fault
    as FILE:LINE:COLUMN. Exit code 0 if there is none but warnings, else 1.
    """
    installed = Installed.here()
    tree = Tree(existing(root), installed)
    tree.load()
    faults = sorted(
        {
            *tree.faults,
            *_plugins_faults(tree, installed),
            *_unreachable(tree),
            *_directories(tree, root),
        }
    )
    for fault in faults:
        say(plain(fault))
    if not all(fault.warning for fault in faults):
        sys.exit(FAILED)
    count = len(tree.texts)
    say(f"{count} {'file' if count == 1 else 'files'} good")


def _directories(tree: Tree, root: Path) -> Iterator[Fault]:
    """The faults of directories that the daemon could not make, since a file has their place."""
    file = next((name for name in tree.texts if name in NAMES), NAMES[0])
    places = {"run_dir": run_dir, "state_dir": state_dir}
    for key, place in places.items():
        directory = place(root, tree.config.daemon)
        if (other := obstacle(directory)) is not None:
            told = f"{key}: {other} is no directory: move it away, or name another"
            if other != directory:
                told = f"{key}: {directory} cannot be made, for {other} is no directory"
            yield Fault(file, *tree.locate(file, (key,)), told)


def _unreachable(tree: Tree) -> Iterator[Fault]:
    """Warnings of ports that only this host reaches, where others are told of them."""
    found, own = listeners(), tree.config.daemon.advertise or default_address()
    for _, service, port in ports(tree.config.services):
        advertised = service.advertise or own
        reason = unreachable(service.host, port, advertised, found) if advertised else ""
        if reason:
            place = tree.locate(service.file, ("port",))
            yield Fault(service.file, *place, reason, warning=True)


def _plugins_faults(tree: Tree, installed: Installed) -> Iterator[Fault]:
    """What the plugins say of what the tree's own rules let pass."""
    state = State(tree.config, NOBODY, {})
    state.configure(tree.config, 0.0)
    there = {
        name: task
        for name, task in tasks(state).items()
        if name[0] == "web" or installed.origin(name[0], task.plugin) is not None
    }
    yield from too_few(len(there), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    claims = {}
    for name, (answer, _) in ask(there, Validate()).items():
        match answer:
            case Validated(rejections, reason, warnings, report):
                yield from placed(tree, name, rejections, warnings)
                yield from warned(tree, name, report)
                if report is not None and name[0] == "balancer":
                    claims[name[1]] = report.claims
            case Failed(reason, _, report):
                reason += f" [{report.interpreter}]" if report is not None else ""
                if reason:
                    yield failed(tree, name, f"cannot be loaded: {reason}")
                yield from besides(tree, name, report)
                continue
            case _:
                continue
        if reason:
            yield failed(tree, name, f"cannot be validated: {reason}")
    yield from conflicts(tree, claims)
