"""What is known of one cluster, from lists, reads and events, in whatever order they come."""

from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec
from kazoo.exceptions import NoAuthError, NoNodeError

from lighthouse.discovery import Reading, Refusal
from lighthouse.node import Node, Refused
from lighthouse.zookeeper.protocol.requests import Found

Decode = Callable[[bytes], Node]


class KnownZnode(msgspec.Struct, frozen=True, gc=False):
    """A child as last read: its node or the reason for none, and the change it stems from.

    ``modified`` is ZooKeeper's transaction number; 0: of another session.
    """

    node: Node | None
    reason: str = ""
    modified: int = 0


class KnownCluster:
    """The children of one znode.

    ``whole`` while there is an answer for everything that the last list named; only then is a
    reading true. ``changed`` when it has not been reported. ``full`` asks for a read of
    everything. ``begun`` counts how often everything was put in doubt: a list that was asked
    for before the last time says nothing.
    """

    def __init__(self, name: str, path: str, decode: Decode) -> None:
        self.name: Final = name
        self.path: Final = path
        self.whole = False
        self.changed = False
        self.full = False
        self.begun = 0
        self._decode: Final = decode
        self._records: dict[str, KnownZnode] = {}
        self._counts: tuple[int, int] | None = None
        self._listed = False  # since it was begun
        self._unread: set[str] = set()
        self._asked: set[str] = set()  # by a read of many, which is not answered
        self._doubtful: set[str] = set()  # deleted since they were asked for
        self._leaving: set[str] = set()

    @property
    def names(self) -> list[str]:
        return list(self._records)

    def begin(self) -> None:
        """Nothing is sure until the list comes."""
        self.begun += 1
        self.whole = self._listed = False
        self._unread.clear()
        self._asked.clear()
        self._doubtful.clear()
        self._leaving.clear()

    def distrust(self) -> None:
        """The transaction numbers begin anew: whatever is read next is the newest."""
        for name, record in self._records.items():
            self._records[name] = KnownZnode(record.node, record.reason)

    def listed(self, names: Collection[str]) -> list[str]:
        """Take a list of all children; whom to read.

        Answers come in the order of the requests. What was created after the list was made is
        asked for later, so it is not known yet, and not dropped here.
        """
        present = set(names)
        for name in self._records.keys() - present:
            self.drop(name)
        wanted = present if self.full else present - self._records.keys()
        self._unread = set(wanted)
        self._listed = True
        self._settle()
        return sorted(wanted)

    def asked(self, names: Collection[str]) -> None:
        """These are being read, together."""
        self._asked.update(names)

    def leave(self, name: str) -> None:
        """A child is deleted; it is dropped soon, unless it comes back first."""
        if name in self._asked:
            self._doubtful.add(name)
        if name in self._records:
            self._leaving.add(name)

    def leaving(self, name: str) -> bool:
        return name in self._leaving

    def answered(self, name: str, found: Found) -> bool:
        """Take what one of many reads brought; True if it has to be read once more."""
        self._asked.discard(name)
        if name in self._doubtful:
            self._doubtful.discard(name)
            return True
        self.take(name, found)
        return False

    def take(self, name: str, found: Found) -> None:
        """Take what a read brought."""
        if isinstance(found, NoNodeError):
            self.drop(name)
        elif isinstance(found, NoAuthError):
            self._put(name, KnownZnode(None, "its ACL does not allow to read it"))
        elif isinstance(found, Exception):
            self._put(name, KnownZnode(None, f"cannot be read: {type(found).__name__}"))
        else:
            self._read(name, *found)
        self._unread.discard(name)
        self._settle()

    def drop(self, name: str) -> None:
        """A child is gone."""
        self._leaving.discard(name)
        self._unread.discard(name)
        if self._records.pop(name, None) is not None:
            self.changed = True
            self._counts = None
        self._settle()

    def reading(self) -> Reading:
        """All of it."""
        records = self._records.items()
        return Reading(
            tuple([record.node for _, record in records if record.node is not None]),
            tuple([Refusal(name, one.reason) for name, one in records if one.node is None]),
        )

    def counts(self) -> tuple[int, int]:
        """How many nodes, and how many records that are refused."""
        if self._counts is None:
            reading = self.reading()
            refused = sum(refusal.is_fault for refusal in reading.refused)
            self._counts = len(reading.nodes), refused
        return self._counts

    def _read(self, name: str, data: bytes, stat: Any) -> None:
        self._leaving.discard(name)
        known = self._records.get(name)
        if known is not None and stat.mzxid == known.modified:
            return
        try:
            record = KnownZnode(self._decode(data), "", stat.mzxid)
        except Refused as error:
            record = KnownZnode(None, str(error), stat.mzxid)
        self._put(name, record)

    def _put(self, name: str, record: KnownZnode) -> None:
        known = self._records.get(name)
        if known is None or (known.node, known.reason) != (record.node, record.reason):
            self.changed = True
            self._counts = None
        self._records[name] = record

    def _settle(self) -> None:
        """See if all is known; ``full`` was asked for until it is, and is reported then."""
        if self._listed and not self._unread and not self.whole:
            self.whole = self.changed = True
            self.full = False
