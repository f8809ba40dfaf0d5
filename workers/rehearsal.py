"""What a balancer says that it would do, made fit to be told."""

from collections.abc import Callable

from lighthouse.balancer import Preview
from lighthouse.ipc.messages import Rehearsal
from lighthouse.schema import Rejection
from lighthouse.workers.findings import admit, merge
from lighthouse.workers.limits import one_line, valid


def admit_preview(
    said: object, rejections: tuple[Rejection, ...], has_section: Callable[[str], bool]
) -> Rehearsal:
    """A plugin's preview beside what was rejected; raises ``TypeError`` for what is none."""
    if not isinstance(said, Preview):
        raise TypeError(f"it is a {type(said).__name__}, expected a Preview")
    if not isinstance(said.commands, tuple | list):
        raise TypeError(f"commands are a {type(said.commands).__name__}, expected a tuple")
    findings = admit(said.findings, has_section)
    return Rehearsal(
        valid(said.diff),
        tuple([valid(command) for command in said.commands]),
        one_line(str(said.reload)),
        merge(rejections, findings, False),
        merge((), findings, True),
    )
