"""What is counted of one worker over all its processes since the daemon started."""

import time
from collections import Counter
from typing import Final

import msgspec

from lighthouse.balancer import Unreachable
from lighthouse.supervisor.pool.cost.latency import Latency
from lighthouse.supervisor.pool.life.ending import signal_name
from lighthouse.supervisor.pool.life.lifecycle import Ending, Lifecycle

STOPPED: Final = "stopped"


class LastEnd(msgspec.Struct, frozen=True):
    """How a process ended; ``reason`` is an ``Ending``, or that it was stopped for good.

    ``status`` is the exit status, negative for a signal, None if it never ran; ``at`` is
    wall-clock seconds.
    """

    reason: str
    status: int | None
    at: float

    @property
    def signal(self) -> str:
        """The name of the signal that ended it, empty if none did."""
        return signal_name(self.status)


class WorkerRecord:
    """``ends`` by reason, ``last`` is the newest; ``unreachable`` is as last said.

    A successor that is on trial has a record of its own until it takes over.
    """

    def __init__(self) -> None:
        self.latency: Final = Latency()
        self.ends: Final[Counter[Ending]] = Counter()
        self.last: LastEnd | None = None
        self.unreachable: tuple[Unreachable, ...] = ()

    def ended(self, life: Lifecycle, status: int | None) -> None:
        """A process ended, and this is the life after that."""
        ending = life.ending or "exited"
        self.unreachable = ()
        self.last = LastEnd(ending if life.wanted else STOPPED, status, time.time())
        if life.wanted:
            self.ends[ending] += 1
