"""What inotify tells about a few directories, as names of files that may have changed."""

import contextlib
import errno
import os
from typing import Final

import msgspec
from inotify_simple import Event, INotify, flags

MASK: Final = (
    flags.CREATE
    | flags.CLOSE_WRITE
    | flags.ATTRIB
    | flags.MOVED_TO
    | flags.MOVED_FROM
    | flags.DELETE
    | flags.DELETE_SELF
    | flags.MOVE_SELF
    | flags.ONLYDIR
)
_ITSELF: Final = flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT | flags.IGNORED

_TRIES: Final = 10
"""Times that a path may lead elsewhere while it is being watched; then the poll has to do."""

Identity = tuple[int, int]


class Changes(msgspec.Struct):
    """What has happened since the last look, by the keys that directories are watched under.

    ``itself`` holds the keys of directories that were moved, removed or unmounted. After
    ``overflow`` events are missing, and everything may have changed.
    """

    names: dict[str, set[str]] = {}
    itself: set[str] = set()
    overflow: bool = False


class Watches:
    """Directories watched under keys of the caller's; two keys may lead to one directory.

    Where the kernel grants no watch (or no inotify at all), ``arm`` says so and the caller
    has to look by itself.
    """

    def __init__(self) -> None:
        self._inotify: INotify | None = None
        with contextlib.suppress(OSError):
            self._inotify = INotify(nonblocking=True)
        self._armed: dict[str, tuple[int, Identity]] = {}
        self._keys: dict[int, set[str]] = {}

    def fileno(self) -> int | None:
        return None if self._inotify is None else int(self._inotify.fileno())

    def close(self) -> None:
        """Let go of every watch."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        self._armed.clear()
        self._keys.clear()

    def arm(self, key: str, path: str) -> bool:
        """Watch what the path leads to now, in place of what it led to before.

        Returns True if events of it will be told. Raises ``OSError`` if it is no directory
        that can be watched; the key is then not watched.
        """
        if self._inotify is None:
            return False
        try:
            for _ in range(_TRIES):
                identity = _identity(path)
                held = self._armed.get(key)
                if held is not None and held[1] == identity:
                    return True
                number = self._inotify.add_watch(path, MASK)
                if _identity(path) == identity:
                    break
                self._release(number)
            else:
                self.disarm(key)
                return False
        except OSError as error:
            self.disarm(key)
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                return False
            raise
        if held is None or held[0] != number:
            self.disarm(key)
        self._armed[key] = (number, identity)
        self._keys.setdefault(number, set()).add(key)
        return True

    def holds(self, key: str) -> bool:
        """Return True if events of this key's directory are told."""
        return key in self._armed

    def disarm(self, key: str) -> None:
        """Watch nothing under this key."""
        number, _ = self._armed.pop(key, (None, None))
        if number is None:
            return
        self._keys[number].discard(key)
        self._release(number)

    def drain(self) -> Changes:
        """All that the kernel holds at this moment."""
        changes = Changes()
        if self._inotify is not None:
            for event in self._inotify.read(timeout=0):
                self._note(event, changes)
        return changes

    def _release(self, number: int) -> None:
        """Give a watch back to the kernel, if no key needs it."""
        if not self._keys.get(number):
            self._keys.pop(number, None)
            if self._inotify is not None:
                with contextlib.suppress(OSError):  # the kernel dropped it already
                    self._inotify.rm_watch(number)

    def _note(self, event: Event, changes: Changes) -> None:
        if event.mask & flags.Q_OVERFLOW:
            changes.overflow = True
        keys = self._keys.get(event.wd, set())
        if event.mask & _ITSELF:
            changes.itself |= keys
        if event.mask & (flags.IGNORED | flags.MOVE_SELF):
            for key in list(keys):
                self.disarm(key)
        elif event.name:
            for key in keys:
                changes.names.setdefault(key, set()).add(event.name)


def _identity(path: str) -> Identity:
    found = os.stat(path)
    return found.st_dev, found.st_ino
