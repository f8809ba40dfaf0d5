"""Answers all that operators ask of the daemon."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from lighthouse.ipc.control import (
    BeginMaintenance,
    EndMaintenance,
    Explanation,
    GetExplanation,
    GetMembers,
    GetRemoved,
    GetServed,
    GetStatus,
    Leave,
    MembersAnswer,
    RestartingWorker,
    RestartWorker,
    StatusAnswer,
)
from lighthouse.ipc.messages import Message, encode
from lighthouse.supervisor.answers import explanation
from lighthouse.supervisor.answers.served import served
from lighthouse.supervisor.answers.status import StatusReport
from lighthouse.supervisor.listener import Answer
from lighthouse.supervisor.pool.pool import WorkerPool
from lighthouse.supervisor.registrar import Registrar
from lighthouse.supervisor.shutdown import Shutdown
from lighthouse.supervisor.state import State


class Router:
    """``changed`` is called when an order may change what is wanted."""

    def __init__(
        self,
        state: State,
        pool: WorkerPool,
        status: StatusReport,
        registrar: Registrar,
        shutdown: Shutdown,
        changed: Callable[[], None],
    ) -> None:
        self._state: Final = state
        self._pool: Final = pool
        self._status: Final = status
        self._registrar: Final = registrar
        self._shutdown: Final = shutdown
        self._changed: Final = changed

    def answer(self, question: Message, uid: int) -> Answer | None:
        """The answer to a user of that number; None to what is no question."""
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
            case GetServed():
                return served(self._state, self._pool, question), b""
            case RestartWorker(kind, name, force):
                return self._restarting(kind, name, force), b""
            case Leave(keep):
                return self._shutdown.asked(keep), b""
        return None

    def _restarting(self, kind: str, name: str, force: bool) -> RestartingWorker:
        """Have a worker started anew, if it is clear which."""
        found = [w for w in self._pool if w.name[1] == name and kind in ("", w.name[0])]
        if len(found) == 1:
            pid = found[0].process.pid if found[0].process is not None else None
            self._pool.restart(found[0].name, time.monotonic(), force)
            return RestartingWorker(*found[0].name, pid)
        if found:
            those = " and ".join(sorted("/".join(worker.name) for worker in found))
            return RestartingWorker(error=f"there are {those}: say which")
        there = ", ".join(sorted("/".join(worker.name) for worker in self._pool)) or "none"
        return RestartingWorker(error=f"no worker {name}; there are: {there}")

    def _explain(self, cluster: str, node: str) -> Answer:
        now = time.monotonic()
        causes = self._status.document().causes
        known = (self._state, self._pool, causes, cluster, node, now, time.time() - now)
        try:
            return Explanation(), msgspec.json.encode(explanation.document(*known))
        except explanation.Unknown as unknown:
            return Explanation(str(unknown)), b""
