"""Notices through inotify that something about the tree may have changed.

Directories are watched, never files, so that a file that is replaced stays watched. Links are
followed and every one on the way is watched where it lies; what is missing is watched for in
the nearest directory that exists. What inotify cannot see (a network file system, a mount)
is left to the supervisor's slow poll.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from inotify_simple import INotify, flags

from lighthouse.config.scan import DIRECTORIES, is_config_name
from lighthouse.config.symlinks import trail

_SELF: Final = flags.DELETE_SELF | flags.MOVE_SELF
_NAMES: Final = flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO | flags.ATTRIB
_CONTENT: Final = flags.MODIFY | flags.CLOSE_WRITE
_ALWAYS: Final = flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT | flags.IGNORED
_ROUNDS: Final = 5


class _Interest(msgspec.Struct):
    """What matters in one directory: events, names, and whether all files of the config do."""

    mask: int = _SELF
    names: set[str] = msgspec.field(default_factory=set)
    files: bool = False

    def concerns(self, mask: int, name: str) -> bool:
        if mask & _ALWAYS or not name:
            return bool(mask & (_ALWAYS | flags.ATTRIB))
        return name in self.names or (self.files and is_config_name(name))

    def merge(self, other: "_Interest") -> None:
        self.mask |= other.mask
        self.names |= other.names
        self.files = self.files or other.files


class ConfigWatch:
    """A descriptor that is readable when ``drain`` has something to tell.

    After ``drain`` said True, call ``rearm`` and only then read the tree, so that nothing
    falls in between. Without inotify (its instances are used up) nothing is ever noticed;
    ``reason`` says so.
    """

    def __init__(self, root: Path) -> None:
        self._root: Final = os.path.abspath(root)
        self._interests: dict[int, _Interest] = {}
        self.reason = ""
        self._inotify: INotify | None = None
        try:
            self._inotify = INotify(nonblocking=True)
        except OSError as error:
            self.reason = f"no inotify: {error.strerror}"
        self._idle: Final = -1 if self._inotify else os.eventfd(0, os.EFD_CLOEXEC)
        self.rearm()

    def fileno(self) -> int:
        return self._idle if self._inotify is None else int(self._inotify.fileno())

    def drain(self) -> bool:
        """Take all events. Return True if any of them may have changed the config."""
        relevant = False
        while self._inotify is not None:
            events = self._inotify.read(timeout=0)
            if not events:
                break
            for event in events:
                interest = self._interests.get(event.wd)
                overflow = bool(event.mask & flags.Q_OVERFLOW)
                if overflow or (interest and interest.concerns(event.mask, event.name)):
                    relevant = True
                if event.mask & flags.IGNORED:
                    self._interests.pop(event.wd, None)
        return relevant

    def rearm(self) -> None:
        """Watches the directories that matter now, and no others."""
        wanted = self._wanted()
        for _ in range(_ROUNDS):
            self._watch(wanted)
            # A directory or link may have come before its parent was watched.
            before, wanted = wanted, self._wanted()
            if wanted == before:
                return

    def close(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
        if self._idle >= 0:
            os.close(self._idle)

    def _watch(self, wanted: dict[str, _Interest]) -> None:
        if self._inotify is None:
            return
        interests: dict[int, _Interest] = {}
        for directory, interest in wanted.items():
            try:
                wd = self._inotify.add_watch(directory, interest.mask | flags.ONLYDIR)
                if wd in interests:  # one directory under two names: take the events of both
                    interest.merge(interests[wd])
                    self._inotify.add_watch(directory, interest.mask | flags.ONLYDIR)
            except OSError as error:
                self.reason = f"{directory} cannot be watched: {error.strerror}"
                continue
            interests[wd] = interest
        for wd in self._interests.keys() - interests.keys():
            with contextlib.suppress(OSError):
                self._inotify.rm_watch(wd)
        self._interests = interests

    def _wanted(self) -> dict[str, _Interest]:
        """The directories that matter as things are, by their paths without links."""
        wanted: dict[str, _Interest] = {}
        root = _follow(self._root, wanted)
        if root is None:
            return wanted
        _want(wanted, root, _NAMES | _CONTENT, DIRECTORIES, files=True)
        directories = [root]
        for kind in DIRECTORIES:
            directory = _follow(os.path.join(root, kind), wanted)
            if directory is not None:
                _want(wanted, directory, _NAMES | _CONTENT, files=True)
                directories.append(directory)
        for directory in directories:
            for link in _links(directory):
                _follow(link, wanted, _NAMES | _CONTENT)
        return wanted


def _want(
    wanted: dict[str, _Interest],
    directory: str,
    mask: int,
    names: Iterable[str] = (),
    files: bool = False,
) -> None:
    wanted.setdefault(directory, _Interest()).merge(_Interest(mask, set(names), files))


def _follow(path: str, wanted: dict[str, _Interest], last: int = _SELF) -> str | None:
    """Notes what matters on the way; the path without links, None if it leads nowhere.

    ``last`` are the events that matter for what the path leads to.
    """
    for step in trail(path):
        mask = _NAMES if step.decides else last if step.last else _SELF
        names = [step.name] if step.decides or step.last else []
        _want(wanted, step.directory, mask, names)
        if step.last:
            return None if step.decides else os.path.join(step.directory, step.name)
    return None


def _links(directory: str) -> Iterator[str]:
    """The files of the config in a directory that are links."""
    try:
        with os.scandir(directory) as entries:
            yield from [e.path for e in entries if e.is_symlink() and is_config_name(e.name)]
    except OSError:
        return
