"""``lighthouse plan``: what each balancer would do now; nothing is done."""

import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from lighthouse.commands.completion.names import balancers
from lighthouse.commands.failure import FAILED, CommandFailure
from lighthouse.commands.offline.gathering import gather
from lighthouse.commands.offline.last_members import LastMembers, unknown
from lighthouse.commands.offline.plugin_faults import failed, placed
from lighthouse.commands.offline.trial import NOBODY, Answer, Task, ask, tasks
from lighthouse.commands.options import root_option
from lighthouse.commands.output.console import say
from lighthouse.commands.output.preview import Outlook, document, lines
from lighthouse.commands.output.quantities import span
from lighthouse.config.fault import Fault
from lighthouse.config.tree import Tree
from lighthouse.distribution.installed import Installed
from lighthouse.ipc.messages import Failed, Rehearse, decode_as
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.supervisor.saving.persistence import handovers
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import State
from lighthouse.text import plain

BUSY: Final = 2
"""The exit code if there is something to do."""


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
@click.option(
    "--snapshot",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the nodes from the end of what `lighthouse record` wrote.",
)
@click.option(
    "--live",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the nodes from the daemon of this configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(
    root: Path, only: str | None, snapshot: Path | None, live: Path | None, as_json: bool
) -> None:
    """Show what each balancer would do now, and do nothing.

    Takes the configuration from its files as they are, and the nodes from the running daemon,
    or from what it knew last if there is none. For an edited copy of the configuration, which
    no daemon serves, they are those of the daemon of --live, else of the host's own. Each
    balancer tells, in a process of its own, which runtime commands it would give, how its
    software's file would change, and why it would reload, if it would.

    \b
    Exit codes:
      0  there is nothing to do
      2  there is something to do
      1  an error: a file has faults, or a balancer cannot tell
    """
    if live is not None and snapshot is not None:
        raise _Misuse("--live and --snapshot exclude each other")
    members, cache = gather(root, live, snapshot)
    good = cache.good()
    tree = Tree(root, Installed.here(), good.texts)
    tree.load()
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
            whose = f" of {members.of}" if members.of else ""
            told = f"nodes as the running daemon{whose} knows them"
        case "recording":
            told = f"nodes as they were at the end of {members.recording}"
        case "state":
            told = f"no daemon runs: nodes as it last read them, {span(age or 0.0)} ago"
        case "nobody":
            told = "no daemon runs, and none left a record of the nodes"
    return plain(f"{told}; not known: {', '.join(unknown)}" if unknown else told)
