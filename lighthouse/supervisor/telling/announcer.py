"""Tells outside how the daemon is: in its process title, and to its service manager."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import setproctitle

from lighthouse.config.fault import Fault
from lighthouse.process.service_manager import ServiceManager
from lighthouse.supervisor.answers.worker_status import trouble
from lighthouse.supervisor.loop.event_loop import EventLoop
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State

INTERVAL: Final = 5.0
"""Seconds between looks at what the title says."""

PATIENCE: Final = 10.0
"""Seconds after which the daemon counts as ready although a worker has not answered."""

_PAUSE: Final = 0.05
"""Seconds between looks whether it is ready."""

_MARGIN: Final = 10.0
"""Seconds that the service manager is asked for beyond what is planned."""

_BEATS: Final = 3
"""How often the watchdog is fed in the time after which it bites."""


class Announcer:
    """``reading`` tells whether the configuration is being read, ``faults`` what is wrong with it.

    ``problems`` are the daemon's own.
    """

    def __init__(
        self,
        manager: ServiceManager,
        loop: EventLoop,
        state: State,
        pool: Iterable[Worker],
        reading: Callable[[], bool],
        faults: Callable[[], Iterable[Fault]],
        problems: Callable[[], Iterable[str]],
    ) -> None:
        self._ready = False
        self._manager: Final = manager
        self._loop: Final = loop
        self._state: Final = state
        self._pool: Final = pool
        self._reading: Final = reading
        self._faults: Final = faults
        self._problems: Final = problems
        self._since = 0.0

    def is_ready(self) -> bool:
        """Return True once every worker has answered, or has said why it cannot."""
        return self._ready

    def start(self) -> None:
        """Announce from now on, and that it is ready as soon as it is."""
        self._loop.every("title", INTERVAL, self.entitle)
        if self._manager.watchdog is not None:
            self._loop.every("watchdog", self._manager.watchdog / _BEATS, self._manager.alive)
        self.entitle()
        self._await()

    def reloads(self) -> None:
        """The configuration is read again."""
        self._manager.reloading()
        self._await()

    def stops(self, within: float) -> None:
        """The daemon will be gone within so many seconds."""
        self._loop.timers.set("ready", None, self._look)
        self._manager.stopping(within + _MARGIN)

    def entitle(self) -> None:
        """Say what there is in the title, and the service manager also what is wrong."""
        views = self._state.memberships.views.values()
        nodes = sum(len(view.nodes) for view in views)
        counts = f"{len(list(self._pool))} workers, {len(views)} clusters, {nodes} nodes"
        title = f"lighthouse: supervisor ({counts})"
        if setproctitle.getproctitle() != title:
            setproctitle.setproctitle(title)
        if self._manager:
            self._manager.status(f"{counts}; {self._health()}")

    def _await(self) -> None:
        """Be ready once what is wanted has been worked out, sent and answered."""
        self._since = time.monotonic()
        self._loop.timers.set("ready", self._since, self._pause)

    def _pause(self) -> None:
        self._loop.timers.set("ready", time.monotonic() + _PAUSE, self._look)

    def _look(self) -> None:
        """Say that it is ready, or look again in a moment."""
        now = time.monotonic()
        settled = not self._reading() and all(map(_has_answered, self._pool))
        if not settled and now < self._since + PATIENCE:
            self._manager.busy(PATIENCE + _MARGIN)
            self._pause()
            return
        self._ready = True
        self._manager.ready()
        self.entitle()

    def _health(self) -> str:
        """The first problem and how many more there are."""
        told = ((worker.name, trouble(worker)) for worker in self._pool)
        errors = (str(fault) for fault in self._faults() if not fault.warning)
        unwell = (f"{' '.join(name)}: {words}" for name, words in told if words)
        found = [*errors, *self._problems(), *unwell]
        if not found:
            return "no worker and no file has a fault"
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"{found[0]}{more}; `lighthouse status` tells all"


def _has_answered(worker: Worker) -> bool:
    """Return True if a worker has taken what it was sent, or there is nothing to wait for."""
    done = worker.applied is not None and worker.takes_snapshots
    return done or bool(worker.paused) or worker.life.state == "waiting"
