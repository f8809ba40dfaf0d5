"""What the balancers would do now, for people and for programs; pure functions of it."""

from collections.abc import Iterator

import click
import msgspec

from lighthouse.commands.offline.last_members import LastMembers
from lighthouse.config.fault import Fault
from lighthouse.ipc.payloads import Rehearsal
from lighthouse.text import plain

VERSION = 1


class Outlook(msgspec.Struct, frozen=True):
    """One balancer's part; ``faults`` are those of files that its plugin told of."""

    name: str
    plugin: str
    rehearsal: Rehearsal
    faults: tuple[Fault, ...] = ()

    @property
    def trouble(self) -> str:
        """Why it cannot be told what would be done, empty if it can."""
        if self.rehearsal.previews:
            return self.rehearsal.reason
        return f"the plugin '{self.plugin}' has no preview"

    @property
    def busy(self) -> bool:
        """Return True if there is something to do."""
        it = self.rehearsal
        return bool(it.diff or it.commands or it.reload)


def lines(outlook: Outlook) -> Iterator[str]:
    """One balancer's part as coloured text, with nothing left out."""
    rehearsal = outlook.rehearsal
    yield click.style(f"{plain(outlook.name)}: {_headline(outlook)}", bold=True)
    for command in rehearsal.commands:
        yield f"  {_shown(command)}"
    for row in rehearsal.diff.rstrip("\n").split("\n") if rehearsal.diff else ():
        yield click.style(_shown(row), fg=_colour(row))


def document(
    outlooks: list[Outlook],
    faults: list[Fault],
    members: LastMembers,
    unknown: list[str],
    now: float,
) -> bytes:
    """All of it as JSON, as docs/operations.md describes it."""
    content = {
        "version": VERSION,
        "members": {
            "source": members.origin,
            "of": members.of or members.recording,
            "age_seconds": members.age(now),
            "unknown": unknown,
        },
        "faults": [_fault(fault) for fault in faults],
        "balancers": [
            {
                "name": outlook.name,
                "plugin": outlook.plugin,
                "reload": outlook.rehearsal.reload,
                "commands": outlook.rehearsal.commands,
                "diff": outlook.rehearsal.diff,
                "error": outlook.trouble,
                "waits": outlook.rehearsal.waits,
            }
            for outlook in outlooks
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content))


def _fault(fault: Fault) -> dict[str, object]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
        "warning": fault.warning,
    }


def _headline(outlook: Outlook) -> str:
    rehearsal = outlook.rehearsal
    if outlook.trouble:
        return f"cannot tell: {plain(outlook.trouble)}"
    if rehearsal.waits:
        return f"waits: {plain(rehearsal.waits)}"
    if not outlook.busy:
        return "nothing to do"
    count = len(rehearsal.commands)
    parts = [f"{count} {'command' if count == 1 else 'commands'}"] if count else []
    parts += ["the file changes"] if rehearsal.diff else []
    parts += [f"reload: {plain(rehearsal.reload)}" if rehearsal.reload else "no reload"]
    return ", ".join(parts)


def _shown(text: str) -> str:
    """Tabs do no harm, and a diff is only good with them."""
    return "\t".join(map(plain, text.split("\t")))


def _colour(row: str) -> str | None:
    if row.startswith("@@"):
        return "cyan"
    return {"+": "green", "-": "red"}.get(row[:1])
