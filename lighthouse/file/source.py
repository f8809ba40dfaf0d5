"""The directory of directories: follows what its clusters' files say, and reports it.

inotify names what has changed, at once; a poll finds the rest, which is everything that
another host does on a shared file system. While the directory itself cannot be listed
nothing is read, dropped or expired.
"""

import contextlib
import functools
import logging
import os
import time
from collections.abc import Iterable
from typing import Any, Final

from lighthouse.discovery import OnConnection, OnReading
from lighthouse.file.clock import ReaderClock
from lighthouse.file.contents import is_record_name
from lighthouse.file.directory import Directory
from lighthouse.file.watches import Changes, Watches
from lighthouse.process.timing.timers import Timers
from lighthouse.text import one_line

AUDIT: Final = 12
"""Polls within which every file of every cluster is looked at, whatever inotify told."""

SLICE: Final = 0.001
"""Seconds of a poll after which events have their turn, so that no change waits for it."""

_ROOT: Final = ""
_SHOWN: Final = 10

logger: Final = logging.getLogger(__name__)


class FileSource:
    """The clusters below ``path``; readings are reported from within the calls made here."""

    def __init__(
        self, path: str, poll: float, on_reading: OnReading, on_connection: OnConnection
    ) -> None:
        self._path: Final = path
        self._poll: Final = poll
        self._on_reading: Final = on_reading
        self._on_connection: Final = on_connection
        self._watches: Final = Watches()
        self._clock: Final = ReaderClock(longest=poll + 1.0)
        self._directories: dict[str, Directory] = {}
        self._timers: Final = Timers()
        self._touched: set[str] = set()
        self._followed: set[str] = set()
        self._errors: dict[str, str] = {}
        self._away: str | None = None
        self._connected = False
        self._round = 0
        self._unvisited: list[str] = []  # of the poll that is under way
        self._audits_all = False
        self._poll_at = 0.0
        self._polled_at = 0.0

    def open(self) -> None:
        """Reach for the directory, and report if it is there or not."""
        self._poll_at = time.monotonic() + self._poll
        self._reach()

    def close(self) -> None:
        self._watches.close()
        self._directories.clear()

    def fileno(self) -> int | None:
        return self._watches.fileno()

    def watch(self, cluster: str) -> None:
        """Read a cluster past every cache, report it, and go on following it.

        Raises ``OSError`` if its directory is there and cannot be read; it stays followed.
        """
        now = self._tick()
        directory = self._directories.get(cluster)
        if directory is None:
            directory = self._directories[cluster] = Directory(f"{self._path}/{cluster}")
        if self._connected:
            self._rescan(cluster, now, force=True)
            if cluster in self._errors:
                raise OSError(self._errors[cluster])
        directory.changed = directory.read_before
        self._note(cluster, directory)
        if self._connected:
            self._publish()

    def unwatch(self, cluster: str) -> None:
        """Report nothing more about a cluster."""
        if self._directories.pop(cluster, None) is not None:
            self._timers.set(cluster, None, self._reach)
            self._errors.pop(cluster, None)
            if cluster not in self._followed:
                self._watches.disarm(cluster)

    def follow(self, clusters: set[str]) -> None:
        """Have ``wake`` tell names in these clusters too, whether or not they are watched."""
        for cluster in self._followed - clusters - self._directories.keys():
            self._watches.disarm(cluster)
        self._followed = clusters
        self._arm_followed()

    def wake(self) -> dict[str, set[str]]:
        """Do what has happened or is due; the names that events came for, by cluster."""
        changes = self._watches.drain()
        now = self._tick()
        if self._connected:
            self._apply(changes, now)
        self._poll_on(now)
        if self._connected:
            self._timers.run(now)
            self._publish()
        return changes.names

    def wake_after(self) -> float:
        """Seconds until ``wake`` has something to do without an event."""
        if self._unvisited:
            return 0.0
        waits = self._poll_at - time.monotonic()
        due = self._timers.wait(self._tick()) if self._connected else None
        if due is not None:
            waits = min(waits, due)
        return max(0.0, waits)

    def status(self) -> dict[str, Any]:
        directories = self._directories.values()
        return {
            "path": one_line(self._path),
            "connection": "connected" if self._connected else f"suspended: {self._away}",
            "clusters": len(directories),
            "nodes": sum(len(directory.last.nodes) for directory in directories),
            "refused": sum(one.is_fault for each in directories for one in each.last.refused),
            "last_poll": self._polled_at,
            "errors": dict(list(self._errors.items())[:_SHOWN]),
        }

    def _tick(self) -> float:
        if not self._connected:
            self._clock.skip(time.monotonic())
        return self._clock.tick(time.monotonic())

    def _reach(self) -> bool:
        """Return True if the directory can be listed; reports when that changes."""
        try:
            os.scandir(self._path).close()
            self._watches.arm(_ROOT, self._path)
        except OSError as error:
            reason = one_line(f"{self._path}: {error.strerror or error}")
            if reason != self._away:
                self._away, self._connected = reason, False
                self._on_connection("suspended", reason)
            return False
        if not self._connected:
            self._away, self._connected = None, True
            self._on_connection("connected", "")
        return True

    def _apply(self, changes: Changes, now: float) -> None:
        """Look at what events were about, and only at that."""
        if changes.overflow or _ROOT in changes.itself:
            if self._reach():
                for cluster in self._directories:
                    self._rescan(cluster, now, changes.overflow)
            return
        whole = changes.itself | changes.names.get(_ROOT, set())
        for cluster in whole & self._directories.keys():
            self._rescan(cluster, now)
        for cluster, names in changes.names.items():
            directory = self._directories.get(cluster)
            if directory is not None and not directory.missing:
                self._look(directory, names, now)
                self._note(cluster, directory)

    def _look(self, directory: Directory, names: Iterable[str], now: float) -> None:
        others = False
        for name in names:
            if is_record_name(name):
                directory.look(name, now, force=True)
            else:
                others = True
        if others:  # maybe what a link in this directory leads through
            directory.look_volatile(now, links_only=True)

    def _rescan(self, cluster: str, now: float, force: bool = False) -> None:
        directory = self._directories[cluster]
        try:
            self._watches.arm(cluster, directory.path)
            directory.scan(directory.names(), now, force)
        except FileNotFoundError:
            if self._reach():
                self._errors.pop(cluster, None)
                directory.vanish(now)
        except OSError as error:
            reason = one_line(f"{directory.path}: {error.strerror or error}")
            if self._errors.get(cluster) != reason:
                logger.warning("%s; what was known of the cluster stays", reason)
            self._errors[cluster] = reason
            directory.stay()
        else:
            if self._errors.pop(cluster, None):
                logger.info("%s can be read again", directory.path)
        self._note(cluster, directory)

    def _poll_on(self, now: float) -> None:
        """The poll: find out what no event has told, a slice at a time."""
        until = time.monotonic() + SLICE
        if not self._unvisited and time.monotonic() >= self._poll_at:
            self._begin_poll()
        while self._unvisited and self._connected:
            cluster = self._unvisited.pop()
            audit = self._audits_all or hash(cluster) % AUDIT == self._round % AUDIT
            if cluster in self._directories:
                self._visit(cluster, now, audit)
            if time.monotonic() >= until:
                return
        self._unvisited.clear()

    def _begin_poll(self) -> None:
        self._audits_all = not self._connected
        self._round += 1
        self._poll_at = time.monotonic() + self._poll
        if self._reach():
            self._unvisited = list(self._directories)
            self._arm_followed()
            self._polled_at = time.time()

    def _visit(self, cluster: str, now: float, audit: bool) -> None:
        directory = self._directories[cluster]
        try:
            calm = self._watches.holds(cluster) and not directory.restless()
        except OSError:
            calm = False
        if audit or not calm:
            self._rescan(cluster, now)
        else:
            directory.look_volatile(now)
            self._note(cluster, directory)

    def _arm_followed(self) -> None:
        for cluster in self._followed:
            with contextlib.suppress(OSError):
                self._watches.arm(cluster, f"{self._path}/{cluster}")

    def _expire(self, cluster: str) -> None:
        now, directory = self._tick(), self._directories[cluster]
        if directory.missing:
            self._rescan(cluster, now)
        directory.expire(now)
        self._note(cluster, directory)

    def _note(self, cluster: str, directory: Directory) -> None:
        """Remember what is to be reported, and when the directory is due again."""
        if directory.changed:
            self._touched.add(cluster)
        self._timers.set(cluster, directory.deadline(), functools.partial(self._expire, cluster))

    def _publish(self) -> None:
        """Report what is new, unless files are only gone because the source is.

        Of a directory that is away for a moment nothing can be said until that is over.
        """
        touched = [name for name in self._touched if self._can_tell(name)]
        self._touched.clear()
        if any(self._directories[name].lost for name in touched) and not self._reach():
            return
        for cluster in touched:
            self._on_reading(cluster, self._directories[cluster].reading())

    def _can_tell(self, cluster: str) -> bool:
        directory = self._directories.get(cluster)
        return directory is not None and not directory.missing
