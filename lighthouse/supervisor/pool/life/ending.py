"""What the exit status of a process tells of why it ended."""

import signal
from typing import Final

from lighthouse.supervisor.pool.life.lifecycle import Ending

_OWN: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS}
)
"""Signals that a process brings upon itself."""


def ending_of(status: int, starved: bool | None) -> Ending:
    """Why a process ended that nobody here has ended; a negative status is a signal.

    ``starved``: the kernel has just ended a process for lack of memory; None: nobody knows.
    """
    if status >= 0:
        return "exited"
    if -status in _OWN:
        return "crashed"
    return "starved" if -status == signal.SIGKILL and starved else "killed"


def signal_name(status: int | None) -> str:
    """The signal that ended a process, empty if none did; None: there was no process."""
    if status is None or status >= 0:
        return ""
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
