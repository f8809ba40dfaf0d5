"""Descriptors that are kept for when there are no others.

A process at its limit of open files cannot even accept a connection in order to refuse it. One
that gives up a few descriptors of its own for a moment can, and so still tells what is wrong.
"""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

SIZE: Final = 4
SPARE: Final = 16
"""Free descriptors below which it is told that they run out."""


def is_exhaustion(error: OSError) -> bool:
    """Return True if an error says that no descriptor is left, to this process or the host."""
    return error.errno in (errno.EMFILE, errno.ENFILE)


class DescriptorReserve:
    """A few descriptors; taken early they have low numbers, which a limit lowered later spares."""

    def __init__(self, size: int = SIZE) -> None:
        self._size: Final = size
        self._held: Final[list[int]] = []
        self.refill()

    @contextmanager
    def lent(self, count: int = SIZE) -> Iterator[None]:
        """Let what happens meanwhile use so many of the reserve."""
        self.lend(count)
        try:
            yield
        finally:
            self.refill()

    def lend(self, count: int) -> None:
        """Let what happens until the next ``refill`` use so many of the reserve."""
        for _ in range(min(count, len(self._held))):
            os.close(self._held.pop())

    def refill(self) -> None:
        """Take back what was in use, as far as there are descriptors again."""
        with suppress(OSError):
            while len(self._held) < self._size:
                self._held.append(self._another())
        self._short = len(self._held) < self._size

    def _another(self) -> int:
        """One more descriptor; a copy of one that is there costs less than a file to open."""
        if self._held:
            return os.dup(self._held[0])
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def problems(self) -> list[str]:
        """What an operator has to know if descriptors run out."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            used = len(os.listdir("/proc/self/fd"))
        except OSError:
            used = limit
        if not self._short and limit - used >= SPARE:
            return []
        return [
            f"{min(used, limit)} of {limit} file descriptors are in use: raise LimitNOFILE of the "
            "daemon's unit, or the limit (ulimit -n) that it is started under"
        ]

    def close(self) -> None:
        while self._held:
            os.close(self._held.pop())
