"""Kills what commands have started when their worker is gone, however it ended.

A program of its own, with the standard library only. Its standard input is a socket that only
the worker holds open: each command says its process group there before it begins, and the
worker says when nothing is left of one. At the end of the socket, what is left is killed.
"""

import os
import signal
import struct

PROGRAM = __file__

RECORD = struct.Struct("!ci")
"""What is said of a process group, and its number."""

BEGUN, ENDED = b"+", b"-"


def main() -> None:
    """Listen until the end, then kill."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    while record := os.read(0, RECORD.size):
        what, group = RECORD.unpack(record)
        if what == BEGUN:
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            continue


if __name__ == "__main__":
    main()
