"""Ending what a dead worker has left behind.

A worker leads a session of its own. What it forked and did not detach is still in that
session, and in most cases in its process group; software that is meant to outlive it (a
HAProxy) has started a session of its own.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

_STAT_SESSION = 3
"""Index of the session id in /proc/PID/stat, counted after the command's name (proc(5))."""


def end_session(leader: int) -> int:
    """Kill every process of a session except its leader; returns how many there were.

    To be called before the leader is reaped, so that its number cannot be anyone else's.
    """
    ended = 0
    for pid in _members(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            ended += 1
    return ended


def _members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != session:
            with suppress(OSError):
                stat = (entry / "stat").read_bytes()
                fields = stat[stat.rindex(b")") + 2 :].split()
                if int(fields[_STAT_SESSION]) == session:
                    found.append(int(entry.name))
    return found
