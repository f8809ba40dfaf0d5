"""The lock that keeps two processes from doing the same worker's work."""

import fcntl
import os
from pathlib import Path
from typing import Final

from lighthouse.process import record_lock


class Lock:
    """An exclusive lock on a file, held until it is released or the process ends.

    It belongs to this process alone: a child that a plugin forks does not hold it.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._file = -1
        self.held = False

    def open(self) -> None:
        """Open the file, so that ``take`` needs no right to it any more."""
        if self._file < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self.path, flags, 0o600)

    def take(self) -> bool:
        """Return True if this process now holds the lock.

        Raises ``OSError`` if there can be none.
        """
        if self.held:
            return True
        self.open()
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        self.held = True
        return True

    def is_at_its_path(self) -> bool:
        """Return True if the file that was opened is still the one that others would open."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return self._file >= 0 and os.path.samestat(there, os.fstat(self._file))

    def release(self) -> None:
        """Let others take it; the file stays."""
        file, self._file, self.held = self._file, -1, False
        if file >= 0:
            os.close(file)

    def holder(self) -> int:
        """The id of another process that holds the lock; 0 if there is none."""
        return record_lock.holder(self._file, fcntl.F_GETLK, fcntl.F_WRLCK) or 0
