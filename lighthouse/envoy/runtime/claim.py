"""The directory of one balancer, which no other one may keep files in at the same time."""

import contextlib
from pathlib import Path
from typing import Final

from lighthouse.process.ending import known
from lighthouse.process.locks import Lock

_NAME: Final = ".lighthouse.lock"


class Claimed(RuntimeError):
    """Another process keeps its files there; the text says which."""


class DirectoryClaim:
    """Held from ``take`` on, until ``release`` or the end of this process, however it ends."""

    def __init__(self, directory: str) -> None:
        self._path: Final = Path(directory, _NAME)
        self._lock = Lock(self._path)

    def take(self) -> None:
        """Hold the directory, also one that was made anew; raises ``Claimed`` or ``OSError``."""
        if self._lock.held and not self._lock.is_at_its_path():
            self.release()
        if not self._lock.take():
            holder = self._lock.holder()
            title = " ".join(known.words(holder)) or "a process that cannot be looked at"
            whose = title.partition(" (")[0]  # without what it has in hand
            raise Claimed(
                f"{self._path.parent} belongs to another balancer, {whose} (pid {holder}), and "
                "nothing is written: give each of them a directory of its own"
            )

    def release(self) -> None:
        """Let others have it."""
        with contextlib.suppress(OSError):
            self._lock.release()
        self._lock = Lock(self._path)
