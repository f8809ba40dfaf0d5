"""Ending what a dead worker has left behind.

A worker leads a session of its own. What it forked and did not detach is still in that
session, and in most cases in its process group, which the kernel ends at one stroke; software
that is meant to outlive it (a HAProxy) has started a session of its own.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from lighthouse.process.ending.known import sessions

MARK: Final = "LIGHTHOUSE_SESSION"
"""The variable that tells one worker's processes from all others, whatever their numbers."""


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


def end_marked(leader: int, mark: str) -> int:
    """Kill every process of a session that has this mark; returns how many there were.

    For a leader that is long gone: its number may have become that of a stranger's session,
    in which nobody has the mark. Nor has a process of ours that was given an environment
    without it: it is left.
    """
    ours = (pid for pid, session in sessions() if session == leader)
    found = [pid for pid in ours if mark and _mark_of(pid) == mark]
    for pid in found:
        kill(pid)
    return len(found)


def _mark_of(pid: int) -> str:
    """The mark in a process's environment, empty if there is none or it cannot be read."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    start = f"{MARK}=".encode()
    marks = (one.removeprefix(start) for one in variables if one.startswith(start))
    return next(marks, b"").decode("ascii", "replace")


def kill(pid: int) -> None:
    """End a process with its group, which then has nobody left who could fork on."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
