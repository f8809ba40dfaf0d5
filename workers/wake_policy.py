"""What a plugin asked to be woken for: a descriptor, a timer, and the rest in between."""

import logging
import math
from typing import Final

from lighthouse.ipc.log_lines import Once
from lighthouse.workers.plugin_call import PluginError, call
from lighthouse.workers.poller import Poller
from lighthouse.workers.role import WorkerRole

REST: Final = 0.001
"""Seconds of rest that a wake earns, so that a plugin that never clears what woke it floods
nobody."""

OWED: Final = 0.02
"""Seconds of rest that may be owed: a few wakes in quick succession wait for nothing."""


class WakePolicy:
    """Knows when a role's plugin is to be woken."""

    def __init__(self, role: WorkerRole, readiness: Poller, once: Once) -> None:
        self._role: Final = role
        self._readiness: Final = readiness
        self._once: Final = once
        self._descriptor = -1
        self._muted = False
        self._wake_at = math.inf
        self._rested_at = 0.0
        self._paid_at = 0.0  # when all the rest that was earned will have been had

    def ask(self, now: float, rested_at: float = 0.0) -> None:
        """Hear anew what the plugin wants, and let it rest until ``rested_at`` at least.

        To be called after plugin code has run, for any of it may change what it waits for.
        """
        self._rested_at = max(rested_at, self._paid_at - OWED)
        self._wake_at = now + self._seconds()
        descriptor = self._fileno()
        if descriptor != self._descriptor and self._descriptor >= 0:
            self._readiness.forget(self._descriptor)
        self._descriptor = descriptor
        self._muted = False
        self._listen()

    def due(self, ready: set[int], now: float) -> bool:
        """Return True if the plugin is to be woken now; it is taken to be woken then."""
        if now < self._rested_at:
            if self._descriptor in ready:
                self._readiness.forget(self._descriptor)
                self._muted = True
            return False
        if self._muted:
            self._muted = False
            self._listen()
        elif self._descriptor not in ready and now < self._wake_at:
            return False
        self._paid_at = max(self._paid_at, now) + REST
        return True

    def at(self) -> float:
        """When to wake the plugin though its descriptor stays silent."""
        return self._rested_at if self._muted else max(self._wake_at, self._rested_at)

    def _listen(self) -> None:
        if self._descriptor < 0:
            return
        try:
            self._readiness.watch(self._descriptor)
        except (OSError, ValueError) as error:
            self._once.say(logging.ERROR, "fileno", f"{self._descriptor}: {error}")
            self._descriptor = -1

    def _fileno(self) -> int:
        try:
            descriptor = call("fileno", self._role.fileno)
        except PluginError as failure:
            self._once.say(logging.ERROR, "fileno", failure.what, failure.traceback)
            return -1
        return descriptor if isinstance(descriptor, int) else -1

    def _seconds(self) -> float:
        try:
            seconds = call("wake_after", self._role.wake_after)
        except PluginError as failure:
            self._once.say(logging.ERROR, "wake_after", failure.what, failure.traceback)
            return math.inf
        if not isinstance(seconds, int | float) or math.isnan(seconds):
            return math.inf
        return max(0.0, seconds)
