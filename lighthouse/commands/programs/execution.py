"""A program from its start to its end, registered only while it is healthy and not stopping."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from lighthouse.commands.programs.attendant import Attendant
from lighthouse.commands.programs.child import Child
from lighthouse.ipc.program import ProgramPhase, ProgramTold
from lighthouse.net.connections import in_flight
from lighthouse.process.service_manager import ServiceManager

LOOK: Final = 0.05
"""Seconds between looks while something is waited for, and"""

ATTEND: Final = 0.5
"""while nothing is."""

AWAY: Final = 5.0
"""Seconds that a daemon which is away when the program is to stop gets to come back."""

_STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_KEPT: Final = frozenset(
    {
        signal.SIGKILL,
        signal.SIGSTOP,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    }
)
"""Those that stop or end this process itself."""


class Times(msgspec.Struct, frozen=True):
    """Seconds: ``drain`` that all may take until the program is told to stop, ``quiet`` without
    any traffic before that, ``stop`` from then on until it is killed."""

    drain: float
    quiet: float
    stop: float


class Execution:
    """``say`` is given lines for the operator."""

    def __init__(self, attendant: Attendant, times: Times, say: Callable[[str], None]) -> None:
        self._attendant: Final = attendant
        self._times: Final = times
        self._say: Final = say
        self._phase: ProgramPhase = "starts"
        self._ports: tuple[int, ...] = ()
        self._drains_until: float | None = None
        self._kills_at: float | None = None
        self._began_to_stop = 0.0
        self._waits_for = ""

    def run(self, command: Sequence[str]) -> int:
        """Start the program; returns its exit code. Raises ``OSError`` if it cannot be started.

        Signals of this process come in here only, between two looks.
        """
        handed = signal.valid_signals() - _KEPT
        signal.pthread_sigmask(signal.SIG_BLOCK, handed)
        self._tell("starts")
        child = Child(command, os.environ)
        while True:
            child.reap()
            if child.code is not None:
                break
            self._look(child, time.monotonic())
            found = signal.sigtimedwait(handed, LOOK if self._waiting else ATTEND)
            if found is not None:
                self._signalled(child, signal.Signals(found.si_signo), time.monotonic())
        self._attendant.hurry()
        self._tell("stops" if self._phase == "stops" else "fails")
        self._attendant.close()
        return child.code

    @property
    def _waiting(self) -> bool:
        return self._phase != "serves"

    def _tell(self, phase: ProgramPhase) -> ProgramTold | None:
        told = self._attendant.tell(phase)
        if told is not None and told.ports:
            self._ports = told.ports
        return told

    def _signalled(self, child: Child, number: signal.Signals, now: float) -> None:
        if number in _STOPS and self._drains_until is None:
            self._begin_to_stop(number, now)
        elif number in _STOPS and self._kills_at is None:
            self._say(f"{number.name} again: not waiting any longer")
            self._stop(child, now)
        elif number != signal.SIGCHLD:
            child.signal(number)

    def _begin_to_stop(self, number: signal.Signals, now: float) -> None:
        self._say(f"{number.name}: deregistering before the program is stopped")
        self._phase, self._began_to_stop = "stops", now
        self._attendant.hurry()
        self._drains_until = now + self._times.drain
        manager = ServiceManager(os.environ.get("NOTIFY_SOCKET", ""))
        manager.stopping(self._times.drain + self._times.stop + AWAY)

    def _look(self, child: Child, now: float) -> None:
        """Do what is due."""
        if self._kills_at is not None:
            if now >= self._kills_at:
                self._say(f"the program has not ended within {self._times.stop:g} s: killed")
                child.kill()
                self._kills_at = float("inf")
            return
        if self._phase == "starts":
            told = self._tell("starts")
            if told is not None and not told.lacking:
                self._phase = "serves"
                self._tell("serves")
        elif self._phase == "serves":
            if not self._attendant.connected:
                self._tell("serves")
        else:
            self._drain(child, now)

    def _drain(self, child: Child, now: float) -> None:
        """Tell the program to stop once nobody uses it any more, or the time is over."""
        self._waits_for = self._still_used(now)
        if not self._waits_for:
            self._stop(child, now)
        elif self._drains_until is not None and now >= self._drains_until:
            self._say(f"stopping after {self._times.drain:g} s although {self._waits_for}")
            self._stop(child, now)

    def _still_used(self, now: float) -> str:
        """Why the program may still be used, empty if it is not."""
        told = self._tell("stops")
        if told is None:
            since = now - self._began_to_stop
            known = bool(self._ports)
            return "the daemon cannot be asked" if known and since < AWAY else ""
        if told.lacking:
            return "; ".join(told.lacking)
        try:
            return in_flight(self._ports, self._times.quiet)
        except OSError as error:
            since = now - self._began_to_stop
            return f"requests cannot be counted: {error}" if since < self._times.quiet else ""

    def _stop(self, child: Child, now: float) -> None:
        child.signal(signal.SIGTERM)
        child.signal(signal.SIGCONT)
        self._kills_at = now + self._times.stop
