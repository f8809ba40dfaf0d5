"""Reaping what nobody else does, and ending what comes to light by it.

This process is the reaper of all that its workers have started: who loses its parent becomes
its child. That way none of a dead worker's session can hide behind a parent, and nothing stays
a zombie where this process is the first of a container.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from lighthouse.process.ending.known import parent, sessions
from lighthouse.process.ending.orphans import end_session, kill
from lighthouse.process.ending.parenthood import inherit_orphans

REMEMBERED: Final = 10.0
"""Seconds for which more of a dead worker's session is looked for, after the last was found."""

_AT_ONCE: Final = 256


class Reaper:
    """``own`` tells of a process number that somebody else here waits for it."""

    def __init__(self, own: Callable[[int], bool]) -> None:
        self._own: Final = own
        self._ended: Final[dict[int, float]] = {}
        # Where it is refused, a dead worker's session is looked through once, as it ends.
        inherit_orphans()

    def began(self, leader: int) -> None:
        """A new worker has this number: no other's session does any more."""
        self._ended.pop(leader, None)

    def end(self, leader: int, now: float) -> None:
        """Kill all of a worker's session but the worker, which has ended and is not reaped yet."""
        end_session(leader)
        self._ended[leader] = now + REMEMBERED

    def reap(self, now: float) -> bool:
        """Let go of the ended, and end those of dead sessions that have come by it.

        Returns True if there may be more.
        """
        reaped = sum(1 for _ in self._reaped())
        for leader, until in list(self._ended.items()):
            if now >= until:
                del self._ended[leader]
        if reaped and self._ended:
            self._sweep(now)
        return reaped == _AT_ONCE

    def _reaped(self) -> Iterator[int]:
        """Numbers of children that are reaped just now.

        Who comes after a child that somebody else waits for is seen next time.
        """
        for _ in range(_AT_ONCE):
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or self._own(found.si_pid):
                return
            with suppress(ChildProcessError):
                os.waitpid(found.si_pid, os.WNOHANG)
            yield found.si_pid

    def _sweep(self, now: float) -> None:
        """Kill those of a dead worker's session whose parent has died too.

        Its number may be another's by now, who is no child of ours.
        """
        for pid, session in sessions():
            if session in self._ended and not self._own(pid) and parent(pid) == os.getpid():
                kill(pid)
                self._ended[session] = now + REMEMBERED
