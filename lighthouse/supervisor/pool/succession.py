"""Whether a worker's successor may take its place: it has to show that it can, first.

A successor is a worker's process with the code that is installed now. The old one goes on with
its work until its successor has loaded the plugin and accepts what the old one accepts.
"""

from lighthouse.ipc.messages import Applied, Validated
from lighthouse.schema import Rejection
from lighthouse.supervisor.pool.worker import Worker

_Subject = tuple[str | None, str | None]


def objection(successor: Worker, worker: Worker) -> str | None:
    """Why a successor may not take over; empty if it may, None if that is not known yet."""
    if successor.life.state == "waiting" and successor.life.starts:
        return successor.life.last_exit
    if successor.validated is None:
        return None
    return newly_rejected(successor.validated, worker.applied)


def newly_rejected(said: Validated, applied: Applied | None) -> str:
    """What is rejected that was accepted before, in words; empty if nothing is.

    Nothing is known of what was not named before.
    """
    if applied is not None and applied.left_out:
        return ""
    before = {_subject(one) for one in applied.rejections} if applied is not None else set()
    new = [one for one in said.rejections if _subject(one) not in before and one.problems]
    if not new:
        return ""
    more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
    return f"it rejects {_named(new[0])}{more}: {new[0].problems[0].message}"


def _subject(rejection: Rejection) -> _Subject:
    return rejection.cluster, rejection.service


def _named(rejection: Rejection) -> str:
    if rejection.cluster is not None:
        return f"its section of the cluster {rejection.cluster}"
    if rejection.service is not None:
        return f"its section of the service {rejection.service}"
    return "its own file"
