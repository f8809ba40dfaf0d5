"""Answers what operators ask of the daemon, but for its status."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from lighthouse.messages import Message, encode
from lighthouse.questions import (
    BeginMaintenance,
    EndMaintenance,
    Explanation,
    GetExplanation,
    GetMembers,
    GetRemoved,
    GetServed,
    Leave,
    Members,
)
from lighthouse.supervisor import explanation
from lighthouse.supervisor.child import Child
from lighthouse.supervisor.control import Answer
from lighthouse.supervisor.departure import Departure
from lighthouse.supervisor.serving import served
from lighthouse.supervisor.state import State
from lighthouse.supervisor.upkeep import Upkeep


class Desk:
    """``changed`` is called when an order may change what is wanted."""

    def __init__(
        self,
        state: State,
        crew: Iterable[Child],
        upkeep: Upkeep,
        departure: Departure,
        changed: Callable[[], None],
    ) -> None:
        self._state: Final = state
        self._crew: Final = crew
        self._upkeep: Final = upkeep
        self._departure: Final = departure
        self._changed: Final = changed

    def answer(self, question: Message, uid: int) -> Answer | None:
        """The answer to a user of that number; None to what is no question."""
        match question:
            case GetMembers():
                return Members(), encode(self._state.clusters())
            case GetExplanation(cluster, node):
                return self._explain(cluster, node)
            case BeginMaintenance() | EndMaintenance():
                self._changed()
                return self._upkeep.maintain(question, uid, time.time()), b""
            case GetRemoved(service, port):
                return self._upkeep.removed(service, port, self._crew), b""
            case GetServed():
                return served(self._state, self._crew, question), b""
            case Leave(keep):
                return self._departure.asked(keep), b""
        return None

    def _explain(self, cluster: str, node: str) -> Answer:
        now = time.monotonic()
        known = (self._state, self._crew, cluster, node, now, time.time() - now)
        try:
            return Explanation(), msgspec.json.encode(explanation.document(*known))
        except explanation.Unknown as unknown:
            return Explanation(str(unknown)), b""
