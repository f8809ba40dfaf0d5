"""What a plugin asked to be woken for: a descriptor, a timer, and the rest in between."""

import math
from typing import Final

from lighthouse.workers.boundary import place
from lighthouse.workers.boundary.conduct import Conduct
from lighthouse.workers.boundary.plugin_call import PluginError, call
from lighthouse.workers.poller import Poller
from lighthouse.workers.role import WorkerRole

REST: Final = 0.001
"""Seconds of rest that a wake earns, so that a plugin that never clears what woke it floods
nobody."""

OWED: Final = 0.02
"""Seconds of rest that may be owed: a few wakes in quick succession wait for nothing."""

_EXPECTED: Final = {
    "fileno": "return the number of an open descriptor that can be polled, or None",
    "wake_after": "return seconds, 0 or more, or None for never",
}
"""What each of the two may return."""


class WakePolicy:
    """Knows when a role's plugin is to be woken."""

    def __init__(self, role: WorkerRole, readiness: Poller, conduct: Conduct) -> None:
        self._role: Final = role
        self._readiness: Final = readiness
        self._conduct: Final = conduct
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
        except (OSError, ValueError, OverflowError) as error:
            told = f"fileno returned {self._descriptor}, which cannot be waited on: {error}"
            self._breaks("fileno", told)
            self._descriptor = -1
        else:
            self._conduct.keeps("fileno")

    def _fileno(self) -> int:
        """The descriptor, -1 if there is none to wait on."""
        try:
            descriptor = call("fileno", self._role.fileno)
        except PluginError as failure:
            self._breaks("fileno", failure.reason, failure.place)
            return -1
        if descriptor is None:
            self._conduct.keeps("fileno")
        elif type(descriptor) is not int or descriptor < 0:
            self._breaks("fileno", f"fileno returned {descriptor!r:.60}")
        else:
            return descriptor
        return -1

    def _seconds(self) -> float:
        """When to wake it, in seconds from now; infinite if not at all."""
        try:
            seconds = call("wake_after", self._role.wake_after)
        except PluginError as failure:
            self._breaks("wake_after", failure.reason, failure.place)
            return math.inf
        if seconds is None or (_is_number(seconds) and seconds >= 0):
            self._conduct.keeps("wake_after")
            return math.inf if seconds is None else seconds
        self._breaks("wake_after", f"wake_after returned {seconds!r:.60}")
        return math.inf

    def _breaks(self, method: str, told: str, where: str = "") -> None:
        where = where or place.of_function(getattr(self._role.plugin_class, method))
        self._conduct.breaks(method, told, _EXPECTED[method], where)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
