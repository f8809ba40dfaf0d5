"""Rights that a process keeps when it stops being root, and those that it can never get."""

import ctypes
import os
import struct
from typing import Final

NEW_PRIVILEGES: Final = "new-privileges"
"""What a worker is told if it may start programs that have more rights than it."""

_PR_SET_KEEPCAPS: Final = 8
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2

_BIND: Final = 10
"""CAP_NET_BIND_SERVICE."""

_VERSION: Final = 0x20080522
"""That of capset(2) with sets of 64 bits."""

_libc: Final = ctypes.PyDLL(None, use_errno=True)


def keep_over_change_of_user() -> None:
    """Have this process keep its capabilities when it becomes another user."""
    _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)


def keep_binding() -> bool:
    """Give up all capabilities but that of binding ports below 1024, for children too.

    Returns False if that one is not to be had.
    """
    if not _keep(1 << _BIND):
        return False
    return bool(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _BIND, 0, 0) == 0)


def keep_none() -> None:
    """Give up all capabilities."""
    _keep(0)


def _keep(capabilities: int) -> bool:
    header = struct.pack("=Ii", _VERSION, 0)
    sets = struct.pack("=6I", *(capabilities,) * 3, 0, 0, 0)
    return bool(_libc.capset(header, sets) == 0)


def refuse_new_privileges() -> None:
    """Let no program that this process or a child starts give more rights than there are.

    Raises ``OSError`` if the kernel refuses.
    """
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
