"""What is below the path, as it was last known; no I/O, no thread, no lock of its own."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from lighthouse.discovery import Reading, Refusal
from lighthouse.etcd.protocol import Event, KeyValue
from lighthouse.node import MAX_RECORD, Node, Refused
from lighthouse.text import one_line

Decode = Callable[[bytes], Node]


class KeyState(msgspec.Struct, gc=False):
    """One key: its last change, its value and lease, and what became of it when decoded.

    An overlong value is not kept: it can be no node, and nothing that is ours.
    """

    revision: int
    value: bytes | None
    lease: int = 0
    outcome: Node | Refusal | None = None


Entries = dict[str, KeyState]

LastChanges = dict[str, dict[str, int]]
"""What a read of all keys found: each one's last change, by cluster and name."""


class Keyspace:
    """The nodes of all clusters by key; ``revision`` is how far the changes were followed.

    A change that is older than what is held of its key does nothing, so whatever is read
    beside the watch may be put in at any moment.
    """

    def __init__(self, prefix: bytes, decode: Decode) -> None:
        self.loaded = False
        self.revision = 0
        self._prefix: Final = prefix
        self._decode: Final = decode
        self._clusters: dict[str, Entries] = {}
        self._refused: dict[str, int] = {}
        self._journals: list[set[bytes]] = []

    @property
    def keys(self) -> int:
        return sum(len(entries) for entries in self._clusters.values())

    @property
    def refused(self) -> int:
        """Records that were no nodes when they were last looked at."""
        return sum(self._refused.values())

    def load(self, kvs: Iterable[KeyValue], revision: int) -> None:
        """This is everything, as of a revision; what is the same stays decoded."""
        clusters: dict[str, Entries] = {}
        for kv in kvs:
            if (place := self.place(kv.key)) is not None:
                cluster, name = place
                entry = self._entry(cluster, name, kv)
                clusters.setdefault(cluster, {})[name] = entry
        self._clusters = clusters
        self._refused.clear()
        self.revision, self.loaded = revision, True

    def apply(self, events: Iterable[Event]) -> set[str]:
        """Take what a watch says; the clusters that it concerns."""
        touched = set()
        for event in events:
            kv = event.kv
            for journal in self._journals:
                journal.add(kv.key)
            if (place := self.place(kv.key)) is None:
                continue
            cluster, name = place
            entries = self._clusters.setdefault(cluster, {})
            held = entries.get(name)
            if held is None or held.revision < kv.mod_revision:
                touched.add(cluster)
                if event.type == "DELETE":
                    entries.pop(name, None)
                else:
                    entries[name] = self._entry(cluster, name, kv)
            if not entries:
                del self._clusters[cluster]
        return touched

    def merge(
        self, cluster: str, kvs: Iterable[KeyValue], revision: int, since: set[bytes]
    ) -> None:
        """All of a cluster as of a revision; keys that the watch told of ``since`` stay."""
        found: Entries = {}
        for kv in kvs:
            place = self.place(kv.key)
            if place is not None and kv.key not in since:
                found[place[1]] = self._entry(cluster, place[1], kv)
        for name, held in self._clusters.get(cluster, {}).items():
            newer = name not in found or found[name].revision < held.revision
            if self.key(cluster, name) in since or (newer and held.revision > revision):
                found[name] = held
        if found:
            self._clusters[cluster] = found
        else:
            self._clusters.pop(cluster, None)

    def reading(self, cluster: str) -> Reading:
        """All records of a cluster, each decoded once."""
        nodes, refused = [], []
        for name, entry in self._clusters.get(cluster, {}).items():
            outcome = entry.outcome
            if outcome is None:
                outcome = entry.outcome = self._judge(name, entry.value)
            if isinstance(outcome, Node):
                nodes.append(outcome)
            else:
                refused.append(outcome)
        self._refused[cluster] = sum(refusal.is_fault for refusal in refused)
        return Reading(tuple(nodes), tuple(refused))

    def forget(self, cluster: str) -> None:
        """Nobody looks at the cluster any more; its records stay."""
        self._refused.pop(cluster, None)

    def get(self, key: bytes) -> KeyState | None:
        place = self.place(key)
        return None if place is None else self._clusters.get(place[0], {}).get(place[1])

    def begin(self) -> set[bytes]:
        """A set that collects the keys that the watch tells of, until ``end``."""
        journal: set[bytes] = set()
        self._journals.append(journal)
        return journal

    def end(self, journal: set[bytes]) -> None:
        self._journals = [one for one in self._journals if one is not journal]

    def sort(self, kvs: Iterable[KeyValue], found: LastChanges) -> None:
        """Put keys where they belong, for ``differs``; looks at nothing that may change."""
        for kv in kvs:
            if (place := self.place(kv.key)) is not None:
                found.setdefault(place[0], {})[place[1]] = kv.mod_revision

    def differs(self, found: LastChanges, since: set[bytes]) -> bool:
        """Return True if something was never told: a key's last change, or that it is gone.

        Changes wait for this, so where all is well there is one look at each key.
        """
        for cluster in self._clusters.keys() | found.keys():
            held, there = self._clusters.get(cluster, {}), found.get(cluster, {})
            odd = {name for name, entry in held.items() if there.get(name) != entry.revision}
            odd |= there.keys() - held.keys()
            if any(self.key(cluster, name) not in since for name in odd):
                return True
        return False

    def key(self, cluster: str, name: str) -> bytes:
        return self._prefix + f"{cluster}/{name}".encode()

    def place(self, key: bytes) -> tuple[str, str] | None:
        """Cluster and name of a key; None if it is no ``<path>/<cluster>/<name>``."""
        if not key.startswith(self._prefix):
            return None
        try:
            parts = key[len(self._prefix) :].decode().split("/")
        except UnicodeDecodeError:
            return None
        return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None

    def _entry(self, cluster: str, name: str, kv: KeyValue) -> KeyState:
        """The entry for a key's value, the one that is held if nothing has changed."""
        value = kv.value if len(kv.value) <= MAX_RECORD else None
        held = self._clusters.get(cluster, {}).get(name)
        if held is None or held.value != value or value is None:
            return KeyState(kv.mod_revision, value, kv.lease)
        return KeyState(kv.mod_revision, held.value, kv.lease, held.outcome)

    def _judge(self, name: str, value: bytes | None) -> Node | Refusal:
        record = one_line(name, 100)
        if value is None:
            return Refusal(record, f"record: more than the {MAX_RECORD} bytes that are read")
        try:
            return self._decode(value)
        except Refused as error:
            return Refusal(record, str(error))
