"""Discoveries of which no worker runs: their sources are away too."""

from collections.abc import Iterable
from typing import Final

from lighthouse.supervisor.pool.doubt import idle_for
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State


class Absences:
    """Lets a state know which those are, each once."""

    def __init__(self) -> None:
        self._told: Final[dict[str, str]] = {}

    def note(self, state: State, pool: Iterable[Worker], now: float) -> bool:
        """Tell what is new by now; return True if balancers have to hear of it."""
        discoveries, news = state.memberships.discoveries, False
        if not discoveries:
            return False
        workers = {worker.name: worker for worker in pool}
        for discovery in discoveries:
            worker = workers.get(("discovery", discovery))
            if discovery not in state.config.discovery:
                reason = "there is no such discovery"
            elif worker is None:
                reason = "starting"
            else:
                reason = "" if worker.life.state == "running" else idle_for(worker)
            if reason != self._told.get(discovery):
                news |= state.work(discovery, reason, now)
                self._told[discovery] = reason
        return news

    def forget(self) -> None:
        """The state has another configuration: tell it everything once more."""
        self._told.clear()
