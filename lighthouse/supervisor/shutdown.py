"""How the daemon ends: services are deregistered, their traffic goes away, all stops."""

import logging
import time
from collections.abc import Callable
from typing import Final

from lighthouse.ipc.control import Leaving
from lighthouse.process.timing.timers import Timers
from lighthouse.supervisor.state import State

_log: Final = logging.getLogger("lighthouse.supervisor")


class Shutdown:
    """``stopping`` from when on nothing is wanted any more; ``keep``: not even deregistering.

    ``changed`` is called when either is new, ``kill`` if it has taken too long, ``told`` with the
    seconds that all may take as soon as it begins. ``managed``: a service manager looks after it.
    """

    def __init__(
        self,
        state: State,
        timers: Timers,
        changed: Callable[[], None],
        kill: Callable[[], None],
        told: Callable[[float], None],
        managed: bool = False,
    ) -> None:
        self.stopping = False
        self.keep = False
        self.stops_at: float | None = None
        self._state: Final = state
        self._timers: Final = timers
        self._changed: Final = changed
        self._kill: Final = kill
        self._told: Final = told
        self._managed: Final = managed

    def begin(self, why: str, keep: bool = False) -> None:
        """Deregister at once, and stop after the time that traffic is given; again: at once."""
        if self.stopping:
            return
        services, config = self._state.services, self._state.config
        self.keep = keep or not config.daemon.deregister_on_stop
        delay = 0.0 if self.keep or services.leaving else services.drain_delay(config)
        self._told(delay + config.daemon.stop_timeout)
        if delay <= 0:
            _log.info("%s: stopping", why)
            self._stop()
            return
        _log.info("%s: services are deregistered, stopping in %g s", why, delay)
        services.leaving = True
        self.stops_at = time.monotonic() + delay
        self._timers.set("drain", self.stops_at, self._stop)
        self._changed()

    def asked(self, keep: bool) -> Leaving:
        """A command wants it to begin; one that finds it under way waits along."""
        if self.stops_at is None:
            self.begin("asked to stop", keep)
        left = max(0.0, (self.stops_at or 0.0) - time.monotonic())
        return Leaving(left + self._state.config.daemon.stop_timeout, self._managed)

    def _stop(self) -> None:
        now = time.monotonic()
        self.stopping, self.stops_at = True, now
        self._timers.set("drain", None, self._stop)
        self._timers.set("stop", now + self._state.config.daemon.stop_timeout, self._kill)
        self._changed()
