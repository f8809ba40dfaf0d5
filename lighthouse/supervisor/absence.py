"""Discoveries of which no worker runs: their sources are away too."""

from collections.abc import Iterable

from lighthouse.supervisor.pool.doubt import idle_for
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State


def note(state: State, pool: Iterable[Worker], now: float) -> bool:
    """Let the state know which those are; return True if balancers have to hear of it."""
    workers = {worker.name: worker for worker in pool}
    news = False
    for discovery in state.memberships.discoveries:
        worker = workers.get(("discovery", discovery))
        if discovery not in state.config.discovery:
            reason = "there is no such discovery"
        elif worker is None:
            reason = "starting"
        else:
            reason = "" if worker.life.state == "running" else idle_for(worker)
        news |= state.work(discovery, reason, now)
    return news
