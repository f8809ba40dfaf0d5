"""Answers all that operators ask of the daemon."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from lighthouse.ipc.control import (
    BeginMaintenance,
    EndMaintenance,
    Explanation,
    GetExplanation,
    GetHistory,
    GetMembers,
    GetRemoved,
    GetServed,
    GetStatus,
    GetVersions,
    HistoryAnswer,
    Leave,
    MembersAnswer,
    PauseWorker,
    PinBalancer,
    RestartingWorker,
    RestartWorker,
    ResumeWorker,
    StatusAnswer,
    UnpinBalancer,
    VersionsAnswer,
    WorkerOrdered,
)
from lighthouse.ipc.messages import Message, encode
from lighthouse.ipc.program import TellProgram
from lighthouse.supervisor.answers import explanation, history
from lighthouse.supervisor.answers.programs import ProgramDesk
from lighthouse.supervisor.answers.served import served
from lighthouse.supervisor.answers.status import StatusReport
from lighthouse.supervisor.control.listener import Answer
from lighthouse.supervisor.history.saved import condensed
from lighthouse.supervisor.orders import Orders
from lighthouse.supervisor.pool.pool import WorkerPool
from lighthouse.supervisor.registrar import Registrar
from lighthouse.supervisor.shutdown import Shutdown
from lighthouse.supervisor.standing_order import Name
from lighthouse.supervisor.state import State


class Router:
    """``changed`` is called when an order may change what is wanted."""

    def __init__(
        self,
        state: State,
        pool: WorkerPool,
        status: StatusReport,
        registrar: Registrar,
        orders: Orders,
        shutdown: Shutdown,
        changed: Callable[[], None],
    ) -> None:
        self._state: Final = state
        self._pool: Final = pool
        self._status: Final = status
        self._registrar: Final = registrar
        self._orders: Final = orders
        self._shutdown: Final = shutdown
        self._changed: Final = changed
        self._programs: Final = ProgramDesk(state, pool, registrar, changed)

    def gone(self, client: int) -> None:
        """A client of that number has gone."""
        self._programs.leave(client)

    def answer(self, question: Message, uid: int, client: int = 0) -> Answer | None:
        """The answer to a user of that number, through that client (0: one that goes at once).

        None to what is no question.
        """
        match question:
            case GetStatus():
                return StatusAnswer(), msgspec.json.encode(self._status.document())
            case GetMembers():
                return MembersAnswer(), encode(self._state.clusters())
            case GetExplanation(cluster, node):
                return self._explain(cluster, node)
            case BeginMaintenance() | EndMaintenance():
                self._changed()
                return self._registrar.maintain(question, uid, time.time()), b""
            case GetRemoved(service, port):
                return self._registrar.removed(service, port, self._pool), b""
            case TellProgram() if client:
                return self._programs.tell(question, uid, client), b""
            case GetServed():
                return served(self._state, self._pool, question), b""
            case RestartWorker(kind, name, force):
                return self._restarting(kind, name, force), b""
            case GetVersions(balancer, after):
                return self._versions(balancer, after)
            case GetHistory(balancer, before):
                return self._history(balancer, before)
            case PauseWorker() | ResumeWorker() | PinBalancer() | UnpinBalancer():
                return self._order(question, uid), b""
            case Leave(keep):
                return self._shutdown.asked(keep), b""
        return None

    def _restarting(self, kind: str, name: str, force: bool) -> RestartingWorker:
        """Have a worker started anew, if it is clear which."""
        workers = {worker.name: worker for worker in self._pool}
        found, error = meant(kind, name, workers)
        if found is None:
            return RestartingWorker(error=error)
        worker = workers[found]
        if worker.paused:
            return RestartingWorker(error=f"{name} {worker.paused}; resume-worker has it go on")
        pid = worker.process.pid if worker.process is not None else None
        self._pool.restart(found, time.monotonic(), force)
        return RestartingWorker(*found, pid)

    def _order(
        self, question: PauseWorker | ResumeWorker | PinBalancer | UnpinBalancer, uid: int
    ) -> WorkerOrdered:
        """Take an order about a worker, if it is clear which."""
        names = {worker.name for worker in self._pool}
        names |= self._state.pauses.names() | self._state.pins.orders.names()
        kind = getattr(question, "kind", "balancer")
        found, error = meant(kind, question.name, names)
        if found is None:
            return WorkerOrdered(error=error)
        self._changed()
        match question:
            case PauseWorker():
                return self._orders.pause(found, question, uid, time.time())
            case ResumeWorker():
                return self._orders.resume(found, question, uid)
            case PinBalancer():
                return self._orders.pin(found, question, uid, time.time())
            case UnpinBalancer():
                return self._orders.unpin(found, question, uid)

    def _history(self, balancer: str, before: int | None) -> Answer:
        chosen, error = self._chosen(balancer)
        if error:
            return HistoryAnswer(error), b""
        pins = self._state.pins.orders
        found = history.document(self._orders.chronicle.recorder, pins, chosen, before)
        return HistoryAnswer(), msgspec.json.encode(found)

    def _versions(self, balancer: str, after: Mapping[str, int]) -> Answer:
        chosen, error = self._chosen(balancer)
        if error:
            return VersionsAnswer(error), b""
        since = self._orders.chronicle.recorder.since
        found = {name: condensed(since(name, after.get(name))) for name in chosen}
        return VersionsAnswer(), encode({name: each for name, each in found.items() if each})

    def _chosen(self, balancer: str) -> tuple[tuple[str, ...], str]:
        """The balancers that are meant, or why there are none; empty: all."""
        names = self._state.config.balancers
        if balancer and balancer not in names:
            there = ", ".join(sorted(names)) or "none"
            return (), f"no balancer {balancer}; there are: {there}"
        return (balancer,) if balancer else tuple(names), ""

    def _explain(self, cluster: str, node: str) -> Answer:
        now = time.monotonic()
        causes = self._status.document().causes
        known = (self._state, self._pool, causes, cluster, node, now, time.time() - now)
        try:
            return Explanation(), msgspec.json.encode(explanation.document(*known))
        except explanation.Unknown as unknown:
            return Explanation(str(unknown)), b""


def meant(kind: str, name: str, workers: Collection[Name]) -> tuple[Name | None, str]:
    """Which of the workers is meant, else why that is not clear; no ``kind``: any."""
    found = [worker for worker in workers if worker[1] == name and kind in ("", worker[0])]
    if len(found) == 1:
        return found[0], ""
    if found:
        return None, f"there are {' and '.join(sorted(map('/'.join, found)))}: say which"
    there = ", ".join(sorted(map("/".join, workers))) or "none"
    return None, f"no worker {name}; there are: {there}"
