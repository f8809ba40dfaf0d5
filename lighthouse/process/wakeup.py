"""Ends a wait for descriptors, from any thread."""

import os
from typing import Final


class Wakeup:
    """A descriptor that can be read from ``set`` until ``clear``; owns it."""

    def __init__(self) -> None:
        self._event: Final = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        return self._event

    def set(self) -> None:
        os.eventfd_write(self._event, 1)

    def clear(self) -> bool:
        """Return True if it was set."""
        try:
            os.eventfd_read(self._event)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._event)
