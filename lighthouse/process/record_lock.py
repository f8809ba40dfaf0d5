"""The layout of fcntl's record locks, and who holds one (fcntl(2))."""

import fcntl
import os
import struct
from typing import Final

_FLOCK: Final = struct.Struct("hhqqi0q")


def request(kind: int) -> bytes:
    """A lock of a whole file, ``F_RDLCK`` or ``F_WRLCK``."""
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)


def holder(descriptor: int, question: int, kind: int) -> int | None:
    """The process that keeps a lock of that kind from being had; None if it can be had.

    ``question`` is ``F_GETLK``, or ``F_OFD_GETLK`` for locks of open files; of such a lock the
    kernel does not say whose it is, and the answer is -1.
    """
    answer = _FLOCK.unpack(fcntl.fcntl(descriptor, question, request(kind)))
    return None if answer[0] == fcntl.F_UNLCK else int(answer[4])
