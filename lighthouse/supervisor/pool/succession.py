"""Whether a worker's successor may take its place: it has to show that it can, first.

A successor is a worker's process with the code that is installed now and the settings that its
file has now. The old one goes on with its work until its successor has loaded the plugin,
accepts what the old one accepts, and has taken its config.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from lighthouse.config.schema.types import WorkerSettings
from lighthouse.ipc.messages import Applied, Validated
from lighthouse.ipc.snapshot import CheckSnapshot, Snapshot, WebSnapshot
from lighthouse.schema import Rejection
from lighthouse.supervisor.plan import Wanted
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.standing_order import Name

_Subject = tuple[str | None, str | None]


class Succession(msgspec.Struct, frozen=True):
    """What a successor is tried with; ``config`` is what its own file says to the plugin."""

    plugin: str
    settings: WorkerSettings
    config: dict[str, Any] | None

    @classmethod
    def at(cls, wanted: Wanted) -> "Succession":
        """The one to be made for what is wanted now."""
        snapshot = wanted.snapshot
        if isinstance(snapshot, CheckSnapshot | WebSnapshot):
            return cls(wanted.plugin, wanted.settings, None)
        config = snapshot.settings.config
        return cls(wanted.plugin, wanted.settings, config)


class Successors:
    """The workers on trial, and the newest attempt for each name, whatever came of it."""

    def __init__(self) -> None:
        self._trials: Final[dict[Name, Worker]] = {}
        self._attempts: Final[dict[Name, Succession]] = {}

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._trials.values()))

    def add(self, successor: Worker, wanted: Wanted) -> None:
        self._trials[successor.name] = successor
        self._attempts[successor.name] = Succession.at(wanted)

    def pop(self, name: Name) -> Worker | None:
        """The one of that name, which is on trial no more."""
        return self._trials.pop(name, None)

    def get(self, name: Name) -> Worker | None:
        """The one of that name that is on trial, None if there is none."""
        return self._trials.get(name)

    def has(self, worker: Worker) -> bool:
        """Return True if this very worker is on trial."""
        return self._trials.get(worker.name) is worker

    def lacks(self, worker: Worker, wanted: Wanted) -> bool:
        """Return True if what is wanted in place of a worker is to be tried.

        What was refused is not tried again before it, or what is installed, has changed. A
        refusal of what is not wanted any more is forgotten.
        """
        newest = self._attempts.get(worker.name)
        if worker.name in self._trials:
            return newest != Succession.at(wanted)
        if is_as_wanted(worker, wanted):
            if newest is not None and not is_as_wanted(worker, newest):
                worker.code.refused = ""
            return False
        return not worker.code.refused or newest != Succession.at(wanted)


def is_as_wanted(worker: Worker, wanted: Wanted | Succession) -> bool:
    """Return True if a worker was started with that plugin and those settings."""
    return (worker.plugin, worker.settings) == (wanted.plugin, wanted.settings)


def due_to(worker: Worker, wanted: Wanted) -> Snapshot:
    """What a worker is to make true.

    One whose plugin is to be replaced by another keeps the config that it has until then.
    """
    now, before = wanted.snapshot, worker.snapshot
    if worker.plugin == wanted.plugin:
        return now
    bare = (CheckSnapshot, WebSnapshot)
    if isinstance(now, bare) or before is None or isinstance(before, bare):
        return now
    return msgspec.structs.replace(now, settings=before.settings)


def objection(successor: Worker, worker: Worker) -> str | None:
    """Why a successor may not take over; empty if it may, None if that is not known yet."""
    if successor.life.state == "waiting" and successor.life.starts:
        return successor.life.last_exit
    if successor.validated is None:
        return None
    rejected = newly_rejected(successor.validated, worker.applied)
    return rejected or newly_failing(successor.validated, worker.applied)


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


def newly_failing(said: Validated, applied: Applied | None) -> str:
    """Why it cannot take its config, in words; empty if it can, or the old one cannot either."""
    method = said.reason.partition(":")[0]
    if applied is not None and applied.kind == "failed" and applied.reason.startswith(method):
        return ""
    return said.reason


def _subject(rejection: Rejection) -> _Subject:
    return rejection.cluster, rejection.service


def _named(rejection: Rejection) -> str:
    if rejection.cluster is not None:
        return f"its section of the cluster {rejection.cluster}"
    if rejection.service is not None:
        return f"its section of the service {rejection.service}"
    return "its own file"
