"""Why a worker does not run, or is not to be relied on although it does."""

import time
from typing import Final

from lighthouse.supervisor.pool.life.lifecycle import unsettled
from lighthouse.supervisor.pool.worker import Worker

SLOWED: Final = 10.0
"""Seconds for which it is shown that a worker had to wait for its share of the time."""


def idle_for(worker: Worker) -> str:
    """Why it does not run, or is about not to, in words."""
    return worker.paused or worker.life.reason or worker.life.state


def doubt(worker: Worker) -> str:
    """Why it is not to be relied on, in words; empty if it is."""
    now = time.monotonic()
    if worker.life.state == "running" and not worker.has_applied:
        ended = f" since it was started again: {worker.life.last_exit}"
        return f"has not applied anything yet{ended if worker.life.last_exit else ''}"
    if worker.slowed_at is not None and now - worker.slowed_at < SLOWED:
        return "says more than the daemon has time for: it is listened to less often"
    return unsettled(worker.life, now, worker.limits)
