"""``lighthouse check-plugin``: what is installed under a name, and whether it can be used."""

import sys
from collections.abc import Iterator

import click

from lighthouse.commands.completion.plugin_names import plugins
from lighthouse.commands.failure import FAILED, CommandFailure
from lighthouse.commands.offline.loading import load
from lighthouse.commands.output.console import say
from lighthouse.distribution.installed import Installed
from lighthouse.distribution.origin import GROUPS
from lighthouse.ipc.messages import Failed
from lighthouse.ipc.plugin_report import PluginReport
from lighthouse.text import plain


@click.command()
@click.argument("name", shell_complete=plugins)
@click.option("--kind", type=click.Choice(list(GROUPS)), help="If several kinds have the name.")
def command(name: str, kind: str | None) -> None:
    """Load a plugin as the daemon would, and judge it.

    Prints its distribution, entry point, class and file, the interpreter, and every fault of
    its requirements and its contract, with what to do. Exit code 0 if it can be used, else 1.
    """
    said = load(kind_of(name, kind), name)
    for title, text in _facts(said.report):
        say(plain(f"{title:13} {text}"))
    faults = said.report.faults if said.report is not None else ()
    for fault in faults:
        say(plain(f"{'warning' if fault.warning else 'fault':13} {fault}"))
    if isinstance(said, Failed):
        if not any(not fault.warning for fault in faults):
            say(plain(f"{'fault':13} {said.reason}"))
        for line in said.traceback.splitlines():
            say(plain(f"    {line}"))
        sys.exit(FAILED)
    say("it can be used")


def kind_of(name: str, kind: str | None) -> str:
    """The kind of the plugin of that name; raises ``CommandFailure`` if that is not one."""
    installed = Installed.here()
    kinds = [each for each in GROUPS if installed.has(each, name)]
    if kind is not None and kind not in kinds:
        found = plain(installed.nearest(kind, name))
        raise CommandFailure(f"no {kind} plugin {plain(name)} is installed; {found}")
    if not kinds:
        misplaced = [*filter(None, (installed.elsewhere(each, name) for each in GROUPS))]
        meant = misplaced or dict.fromkeys(installed.meant(each, name) for each in GROUPS)
        hints = (*meant, "`lighthouse plugins` lists them, and pip has to install it with that")
        raise CommandFailure(
            f"no plugin {plain(name)} is installed for {sys.executable}; "
            f"{plain('; '.join(filter(None, hints)))} interpreter"
        )
    if kind is None and len(kinds) > 1:
        raise CommandFailure(f"{plain(name)} is a {' and a '.join(kinds)}; add --kind")
    return kind or kinds[0]


def _facts(report: PluginReport | None) -> Iterator[tuple[str, str]]:
    if report is None:
        return
    if report.origin is not None:
        yield "distribution", str(report.origin)
    if report.entry_point:
        yield "entry point", f"{report.entry_point} in {report.group}"
    if report.loaded:
        yield "class", report.loaded
    if report.place:
        yield "file", report.place
    yield "interpreter", report.interpreter
