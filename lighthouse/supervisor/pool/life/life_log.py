"""What the log says of a worker's life."""

import logging
from typing import Final

from lighthouse.supervisor.pool.life.lifecycle import Lifecycle
from lighthouse.supervisor.standing_order import Name

_log: Final = logging.getLogger("lighthouse.supervisor")


def tell(worker: Name, life: Lifecycle, before: Lifecycle, pid: int) -> None:
    """Say in the log what an operator should know of a new state."""
    name = " ".join(worker)
    match life.state:
        case "running":
            _log.info("%s: runs (pid %d)", name, pid)
        case "stopping" if life.wanted:
            _log.error("%s: %s", name, life.reason)
        case "waiting":
            delay = max(0.0, (life.deadline or 0.0) - life.since)
            _log.error("%s: %s; starts again in %.1f s", name, life.last_exit, delay)
        case "stopped" if life.reason:
            _log.warning("%s: %s (%s)", name, life.reason, life.last_exit)
        case "stopped":
            _log.info("%s: stopped (%s)", name, life.last_exit or before.state)
