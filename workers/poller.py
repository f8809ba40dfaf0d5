"""Waiting for descriptors."""

import os
import select
from typing import Final


class Poller:
    """What the loop waits on."""

    def __init__(self) -> None:
        self._epoll: Final = select.epoll()
        os.register_at_fork(after_in_child=self._epoll.close)

    def watch(self, descriptor: int, *, writable: bool = False) -> None:
        """Wait for this descriptor too, or say anew for what.

        The kernel forgets a descriptor that is closed, and its number may return as that of
        another file, so this is to be said again whenever that may have happened. Raises
        ``OSError`` for what cannot be waited on.
        """
        events = select.EPOLLIN | (select.EPOLLOUT if writable else 0)
        try:
            self._epoll.modify(descriptor, events)
        except FileNotFoundError:
            self._epoll.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Stop waiting for it; nothing happens if it is closed already."""
        try:
            self._epoll.unregister(descriptor)
        except OSError:
            return

    def wait(self, seconds: float) -> set[int]:
        """The descriptors with something to do, after at most so many seconds."""
        return {descriptor for descriptor, _ in self._epoll.poll(max(0.0, seconds))}
