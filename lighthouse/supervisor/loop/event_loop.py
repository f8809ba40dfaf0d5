"""Waits for descriptors and deadlines, and calls what belongs to them.

What a call raises ends with that call: it is logged with its traceback, counted and shown, and
who caused it is told. What raised rests for a moment, so that something that goes wrong each
time costs neither the loop nor the log.
"""

import functools
import selectors
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, Final, TypeVarTuple

import msgspec

from lighthouse.process.timing.backoff import Backoff
from lighthouse.process.timing.timers import Act, Timers
from lighthouse.supervisor.loop.internal_errors import InternalErrors

REST: Final = Backoff(first=0.1, factor=2.0, cap=2.0, jitter=0.0)
"""How long something rests that has raised so many times in a row."""

STALL: Final = 1.0
"""Seconds that a turn may take longer than planned before this process counts as stopped."""

_NO_KERNEL: Final = 0.1
"""Seconds until the kernel is asked again if it cannot say who is ready."""

Source = Any
"""A descriptor, or an object that has one."""

Ts = TypeVarTuple("Ts")

OnFailure = Callable[[str], None]
"""Told in words what was raised."""


class _Watched(msgspec.Struct, frozen=True, eq=False):
    what: str
    act: Act
    failed: OnFailure | None


class EventLoop:
    """``stalled`` is told for how many seconds this process did not run, if it did not."""

    def __init__(self, stalled: Callable[[float], None]) -> None:
        self.timers: Final = Timers()
        self.errors: Final = InternalErrors()
        self._stalled: Final = stalled
        self._selector: Final = selectors.DefaultSelector()
        self._watched: Final[dict[Source, _Watched]] = {}
        self._failures: Final[dict[Hashable, int]] = {}
        self._resting: Final[dict[str, float]] = {}
        self._woke = time.monotonic()

    def watch(self, source: Source, what: str, act: Act, failed: OnFailure | None = None) -> None:
        """Call ``act`` whenever the source can be read, and ``failed`` if that raises.

        Raises ``OSError`` if the kernel cannot watch it.
        """
        watched = _Watched(what, act, failed)
        self._selector.register(source, selectors.EVENT_READ, watched)
        self._watched[source] = watched

    def forget(self, source: Source) -> None:
        """Do not look at it any more; nothing if it is not watched. To be said before a close."""
        self._watched.pop(source, None)
        self._failures.pop(source, None)
        self.timers.set(("pause", source), None, _nothing)
        self._look_away(source)

    def pause(self, source: Source, until: float) -> None:
        """Do not look at it before then."""
        if source in self._watched:
            self._look_away(source)
            self.timers.set(("pause", source), until, functools.partial(self._resume, source))

    def every(self, name: str, seconds: float, act: Act) -> None:
        """Call ``act`` again and again."""

        def again() -> None:
            self.timers.set(name, time.monotonic() + seconds, again)
            act()

        self.timers.set(name, time.monotonic() + seconds, again)

    def turn(self) -> None:
        """Wait until something happens, and let it be dealt with."""
        planned = self.timers.wait(time.monotonic())
        ready = self._select(planned)
        now = time.monotonic()
        lost = now - self._woke - (planned or 0.0)
        self._woke = now
        if lost > STALL:
            self.attempt("a pause of this process", self._stalled, lost)
        for key in ready:
            watched: _Watched = key.data
            if self._watched.get(key.fileobj) is watched:  # else forgotten in this very turn
                self._dispatch(key.fileobj, watched)
        for name, act in self.timers.take(time.monotonic()):
            self._ring(name, act)

    def attempt(self, what: str, act: Callable[[*Ts], object], *args: *Ts) -> bool:
        """Return True if ``act`` returned; it is not tried while it rests from a failure."""
        if self._resting:
            if time.monotonic() < self._resting.get(what, 0.0):
                return False
            self._resting.pop(what, None)
        if self._call(what, what, None, act, *args):
            return True
        self._resting[what] = again = time.monotonic() + self._rest(what)
        self.timers.set(("attempt", what), again, _nothing)
        return False

    def close(self) -> None:
        self._selector.close()

    def _select(self, wait: float | None) -> list[selectors.SelectorKey]:
        try:
            return [key for key, _ in self._selector.select(wait)]
        except OSError as error:
            self.errors.note("waiting for events", error)
            time.sleep(_NO_KERNEL)
            return []

    def _dispatch(self, source: Source, watched: _Watched) -> None:
        if self._call(source, watched.what, watched.failed, watched.act):
            return
        if source in self._watched:
            self.pause(source, time.monotonic() + self._rest(source))
        else:
            self._failures.pop(source, None)

    def _ring(self, name: Hashable, act: Act) -> None:
        if not self._call(("timer", name), f"timer {_named(name)}", None, act):
            later = time.monotonic() + self._rest(("timer", name))
            if not self.timers.pending(name):
                self.timers.set(name, later, act)

    def _call(
        self,
        who: Hashable,
        what: str,
        failed: OnFailure | None,
        act: Callable[[*Ts], object],
        *args: *Ts,
    ) -> bool:
        """The boundary: whatever is raised ends here."""
        try:
            act(*args)
        except Exception as error:  # noqa: BLE001
            text = self.errors.note(what, error)
        else:
            if self._failures:
                self._failures.pop(who, None)
            return True
        self._failures[who] = self._failures.get(who, 0) + 1
        if failed is not None:
            try:
                failed(text)
            except Exception as error:  # noqa: BLE001
                self.errors.note(f"the end of {what}", error)
        return False

    def _rest(self, who: Hashable) -> float:
        return REST.delay(self._failures.get(who, 1), 0.0)

    def _look_away(self, source: Source) -> None:
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(source)

    def _resume(self, source: Source) -> None:
        watched = self._watched.get(source)
        if watched is not None:
            self._look_away(source)
            self._selector.register(source, selectors.EVENT_READ, watched)


def _nothing() -> None:
    """Wakes the loop, which then looks for itself."""


def _named(name: Hashable) -> str:
    if isinstance(name, tuple):
        return " ".join(map(_named, name))
    return name if isinstance(name, str) else type(name).__name__.lower()
