"""``lighthouse plan``: what each balancer would do now; nothing is done."""

import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from lighthouse.commands.completion.names import balancers
from lighthouse.commands.directories import existing
from lighthouse.commands.failure import FAILED, CommandFailure
from lighthouse.commands.offline.last_members import LastMembers, unknown
from lighthouse.commands.offline.plugin_faults import failed, placed
from lighthouse.commands.offline.trial import NOBODY, Answer, Task, ask, tasks
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.commands.output.preview import Outlook, document, lines
from lighthouse.commands.output.quantities import span
from lighthouse.config.directories import state_dir
from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.daemon.client import DaemonSilent
from lighthouse.daemon.locate import find, settings
from lighthouse.installed import Installed
from lighthouse.ipc.messages import Failed, Rehearsal, Rehearse, decode_as
from lighthouse.supervisor.override import Name
from lighthouse.supervisor.persistence import handovers
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store
from lighthouse.text import plain

BUSY: Final = 2
"""The exit code if there is something to do."""

PATIENCE: Final = 5.0
"""Seconds that a running daemon gets to answer."""


class _Misuse(click.UsageError):
    """A mistake on the command line, which must not look like something to do."""

    exit_code = FAILED


class _Command(click.Command):
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _Misuse(error.format_message(), error.ctx) from error


@click.command(cls=_Command)
@root_option
@click.option(
    "--balancer",
    "only",
    metavar="NAME",
    help="Only this file of balancers/.",
    shell_complete=balancers,
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(root: Path, only: str | None, as_json: bool) -> None:
    """Show what each balancer would do now, and do nothing.

    Takes the configuration from its files as they are, and the nodes from the running daemon,
    or from what it knew last if there is none. Each balancer tells, in a process of its own,
    which runtime commands it would give, how its software's file would change, and why it
    would reload, if it would.

    \b
    Exit codes:
      0  there is nothing to do
      2  there is something to do
      1  an error: a file has faults, or a balancer cannot tell
    """
    cache = Store(state_dir(existing(root), settings(root)))
    good = cache.good()
    tree = Tree(root, Installed.here(), good.texts)
    tree.load()
    members = _members(root, cache)
    state = State(tree.config, NOBODY, good.by_key())
    state.handed.restore(handovers(cache))
    members.tell(state, tree.config, time.time())
    outlooks = _ask(_chosen(tasks(state), only), tree)
    faults = sorted({*tree.faults, *(fault for outlook in outlooks for fault in outlook.faults)})
    if as_json:
        say(document(outlooks, faults, members, unknown(state), time.time()))
    else:
        say(_source(members, unknown(state)), err=True)
        for fault in faults:
            say(plain(fault))
        for outlook in outlooks:
            for line in lines(outlook):
                say(line)
    if not all(fault.warning for fault in faults) or any(one.trouble for one in outlooks):
        sys.exit(FAILED)
    sys.exit(BUSY if any(outlook.busy for outlook in outlooks) else 0)


def _members(root: Path, cache: Store) -> LastMembers:
    try:
        live = find(root).members(PATIENCE)
    except (DaemonSilent, OSError) as error:
        raise CommandFailure(str(error)) from error
    return (
        LastMembers(None, cache.clusters(), cache.seen())
        if live is None
        else LastMembers(tuple(live))
    )


def _chosen(tasks: dict[Name, Task], only: str | None) -> dict[Name, Task]:
    """The balancers' tasks, or that of one."""
    balancers = {name: task for name, task in tasks.items() if name[0] == "balancer"}
    if only is None:
        return balancers
    if ("balancer", only) not in balancers:
        known = ", ".join(sorted(name for _, name in balancers)) or "none"
        raise CommandFailure(f"no balancer {plain(only)}; there are: {known}")
    return {("balancer", only): balancers["balancer", only]}


def _ask(tasks: dict[Name, Task], tree: Tree) -> list[Outlook]:
    answers = sorted(ask(tasks, Rehearse()).items())
    return [_outlook(tree, name, tasks[name].plugin, *answer) for name, answer in answers]


def _outlook(tree: Tree, name: Name, plugin: str, answer: Answer, payload: bytes) -> Outlook:
    """A balancer's answer, and the faults of files that it tells of."""
    if isinstance(answer, Failed):
        rehearsal = Rehearsal(reason=answer.reason)
    else:
        rehearsal = decode_as(Rehearsal, payload)
    faults: list[Fault] = [*placed(tree, name, rehearsal.rejections, rehearsal.warnings)]
    if rehearsal.reason:
        faults.append(failed(tree, name, f"cannot tell: {rehearsal.reason}"))
    return Outlook(name[1], plugin, rehearsal, tuple(faults))


def _source(members: LastMembers, unknown: list[str]) -> str:
    """Where the nodes are from, in words."""
    age = members.age(time.time())
    match members.origin:
        case "daemon":
            told = "nodes as the running daemon knows them"
        case "state":
            told = f"no daemon runs: nodes as it last read them, {span(age or 0.0)} ago"
        case "nobody":
            told = "no daemon runs, and none left a record of the nodes"
    return plain(f"{told}; not known: {', '.join(unknown)}" if unknown else told)
