"""Ending what a dead worker has left behind.

A worker leads a session of its own. What it forked and did not detach is still in that
session, and in most cases in its process group, which the kernel ends at one stroke; software
that is meant to outlive it (a HAProxy) has started a session of its own.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_STAT_PARENT = 1
"""Index of the parent's id in /proc/PID/stat, counted after the command's name (proc(5))."""


def end_session(leader: int) -> int:
    """Kill every process of a session except its leader; returns how many there were.

    To be called before the leader is reaped, so that its number cannot be anyone else's.
    """
    found = [pid for pid, session in sessions() if session == leader and pid != leader]
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in found:
        kill(pid)
    return len(found)


def sessions() -> Iterator[tuple[int, int]]:
    """Every process with the session that it is in; none if they cannot be listed now."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdigit():
            with suppress(ProcessLookupError, PermissionError):
                yield int(name), os.getsid(int(name))


def parent(pid: int) -> int:
    """The parent of a process, 0 if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat[stat.rindex(b")") + 2 :].split()[_STAT_PARENT])


def kill(pid: int) -> None:
    """End a process with its group, which then has nobody left who could fork on."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
