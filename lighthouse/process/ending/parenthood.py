"""What the kernel does where a parent or a child ends: prctl(2).

Bound once, while nothing is forked yet: a child between fork and exec must not look anything
up. PyDLL keeps the interpreter's lock during the call, which such a child has no use for giving
up.
"""

import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_prctl: Final = ctypes.PyDLL(None, use_errno=True).prctl


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process signalled when its parent ends; the caller sees whether it has already.

    Raises ``OSError`` if the kernel refuses.
    """
    if _prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def inherit_orphans() -> bool:
    """Be the parent of whoever loses its own below this process. Returns False if refused."""
    return bool(_prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
