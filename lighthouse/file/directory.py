"""One cluster's directory: what each of its files said last, and until when that holds.

Nothing here waits or watches. Whoever does says which names to look at; times are seconds of
a clock that the caller passes in (see ``clock``).
"""

import os
from collections.abc import Iterable
from typing import Final

import msgspec

from lighthouse.discovery import Reading, Refusal
from lighthouse.file.contents import Contents, Signature, is_record_name, read, signature
from lighthouse.file.record import Unfinished, decode
from lighthouse.node import Node, Refused
from lighthouse.text import one_line

GRACE: Final = 0.5
"""Seconds for which a half written file, or a directory that is being replaced, keeps what
it said before."""

SLACK: Final = 1.0
"""Seconds beyond its ttl after which a node is expired, for writers that run late."""


class FileEntry(msgspec.Struct):
    """What is known of one file.

    ``fault`` is why its newest content is not in force. While ``settle_by`` (a time) is set,
    ``node`` outlives the fault. ``changed_at`` is when this content was first seen.
    """

    signature: Signature | None = None
    node: Node | None = None
    fault: str = ""
    ttl: float | None = None
    changed_at: float | None = None
    settle_by: float | None = None
    expired: bool = False
    unreadable: bool = False
    link: bool = False

    @property
    def deadline(self) -> float | None:
        """When the file is to be looked at even if nothing happens."""
        if self.settle_by is not None:
            return self.settle_by
        if self.ttl is None or self.changed_at is None or self.node is None or self.unreadable:
            return None
        return self.changed_at + self.ttl + SLACK

    @property
    def volatile(self) -> bool:
        """Return True if the file changes in ways that a watch of its directory may not tell."""
        return self.link or self.ttl is not None or self.unreadable


class Directory:
    """The files of one cluster.

    ``changed`` is set when there is something to report that is not in ``last``, the last
    reading, and ``lost`` if a node of it is no more. Until ``read_before`` is set, nobody
    knows what the cluster's members are.
    """

    def __init__(self, path: str) -> None:
        self.path: Final = path
        self.changed = False
        self.lost = False
        self.read_before = False
        self.last = Reading()
        self._entries: dict[str, FileEntry] = {}
        self._deadlines: dict[str, float] = {}
        self._volatile: set[str] = set()
        self._missing_since: float | None = None
        self._stamp: Signature | None = None
        self._calm = True

    def names(self) -> list[str]:
        """The names of records in the directory now; raises ``OSError`` if it has none."""
        return [name for name in os.listdir(self.path) if is_record_name(name)]

    def scan(self, names: Iterable[str], now: float, force: bool = False) -> None:
        """Look at these names, which are all that there are; unchanged files are not read."""
        self._missing_since = None
        present = set(names)
        for name in self._entries.keys() - present:
            self._forget(name)
        for name in present:
            self.look(name, now, force)
        if not self.read_before:
            self.read_before = self.changed = True

    def restless(self) -> bool:
        """Return True if names have come or gone since the last call, or the call before that.

        Twice, because a second change within one tick of the file system's clock leaves no
        trace. Raises ``OSError``.
        """
        found = signature(self.path)
        restless = found != self._stamp or not self._calm
        self._calm = found == self._stamp
        self._stamp = found
        return restless

    def vanish(self, now: float) -> None:
        """The directory is not there: no members, once it has stayed away for a moment."""
        if not self._entries:
            self.scan((), now)
        elif self._missing_since is None:
            self._missing_since = now
        elif now >= self._missing_since + GRACE:
            self.scan((), now)

    def stay(self) -> None:
        """The directory is there but cannot be read: what it last said holds on."""
        self._missing_since = None

    def look(self, name: str, now: float, force: bool) -> None:
        """Read one file if its signature is new; always with ``force``."""
        entry = self._entries.get(name)
        path = f"{self.path}/{name}"
        if entry is not None and not force:
            try:
                if signature(path) == entry.signature:
                    return
            except OSError:
                pass  # reading it tells more
        self._load(name, path, entry or FileEntry(), now)

    def look_volatile(self, now: float, links_only: bool = False) -> None:
        """Look at the files that change without an event in this directory."""
        for name in list(self._volatile):
            if not links_only or self._entries[name].link:
                self.look(name, now, force=False)

    def expire(self, now: float) -> None:
        """Do what is due: end graces, drop nodes whose owner has fallen silent.

        A node is dropped only after one more read of its file has shown no change.
        """
        for name in [name for name, deadline in self._deadlines.items() if deadline <= now]:
            self.look(name, now, force=True)
            if self._deadlines.get(name, now + 1.0) <= now:
                self._end(name)

    def deadline(self) -> float | None:
        """When ``expire`` or ``vanish`` has something to do next."""
        first = min(self._deadlines.values(), default=None)
        if self._missing_since is None:
            return first
        again = self._missing_since + GRACE
        return again if first is None else min(first, again)

    @property
    def missing(self) -> bool:
        """Return True if the directory is away and its nodes are kept for a moment."""
        return self._missing_since is not None

    def reading(self) -> Reading:
        """The cluster as it stands; clears ``changed`` and ``lost``."""
        self.changed = self.lost = False
        entries = sorted(self._entries.items())
        self.last = Reading(
            nodes=tuple(entry.node for _, entry in entries if entry.node is not None),
            refused=tuple(
                Refusal(one_line(name), entry.fault) for name, entry in entries if entry.fault
            ),
        )
        return self.last

    def _load(self, name: str, path: str, entry: FileEntry, now: float) -> None:
        try:
            contents = read(path)
        except FileNotFoundError:
            self._forget(name)
            return
        except Refused as error:
            self._refuse(entry, error, None, now)
        except OSError as error:
            entry.unreadable, entry.signature, entry.settle_by = True, None, None
            if entry.node is None:
                self._set(entry, None, f"cannot be read: {error.strerror or error}")
        else:
            self._take(entry, contents, now)
        entry.link = os.path.islink(path)
        self._entries[name] = entry
        self._index(name, entry)

    def _take(self, entry: FileEntry, contents: Contents, now: float) -> None:
        entry.unreadable = False
        if contents.signature != entry.signature:
            entry.changed_at = now
        elif entry.expired:
            return
        try:
            record = decode(contents.data)
        except Refused as error:
            self._refuse(entry, error, contents.signature, now)
            return
        entry.signature = contents.signature
        entry.ttl, entry.settle_by, entry.expired = record.ttl, None, False
        self._set(entry, record.node, "")

    def _refuse(
        self, entry: FileEntry, error: Refused, found: Signature | None, now: float
    ) -> None:
        """Take a fault; one that may be passing leaves the node alone for ``GRACE``."""
        entry.signature = found
        entry.expired = entry.unreadable = False
        if isinstance(error, Unfinished) and not entry.fault:
            entry.settle_by = now + GRACE if entry.settle_by is None else entry.settle_by
            if now < entry.settle_by:
                return
        entry.settle_by = entry.ttl = None
        self._set(entry, None, one_line(error))

    def _end(self, name: str) -> None:
        """A node's ttl has passed without a change of its file."""
        entry = self._entries[name]
        if entry.ttl is not None:
            entry.expired = True
            silent = f"no heartbeat for {entry.ttl + SLACK:g} s (ttl {entry.ttl:g} s)"
            self._set(entry, None, silent)
            self._index(name, entry)

    def _index(self, name: str, entry: FileEntry) -> None:
        """Keep at hand which files need a look without an event."""
        self._deadlines.pop(name, None)
        self._volatile.discard(name)
        if entry.deadline is not None:
            self._deadlines[name] = entry.deadline
        if entry.volatile:
            self._volatile.add(name)

    def _set(self, entry: FileEntry, node: Node | None, fault: str) -> None:
        if (node, fault) != (entry.node, entry.fault):
            self.lost = self.lost or (entry.node is not None and node is None)
            entry.node, entry.fault = node, fault
            self.changed = True

    def _forget(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        self._deadlines.pop(name, None)
        self._volatile.discard(name)
        if entry is not None and (entry.node is not None or entry.fault):
            self.changed = True
            self.lost = self.lost or entry.node is not None
