"""The nodes that this host keeps registered: keys on one lease, with this host's mark.

A key is only ever written or deleted on condition that it is as it was when its mark was
read, so nothing of anybody else's is touched, whoever is at work at the same time.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

from lighthouse.etcd.client import EtcdClient
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.errors import KeyTaken, LeaseGone, Trouble
from lighthouse.etcd.keyspace import KeyState
from lighthouse.node import Node, is_cluster_name
from lighthouse.record import owner_of
from lighthouse.service import Service
from lighthouse.text import one_line

logger: Final = logging.getLogger(__name__)

_TRIES: Final = 5
_SHOWN: Final = 10

SeenKey = tuple[int, bytes | None, int]
"""A key's last change, its value and its lease."""

_ABSENT: Final[SeenKey] = (0, None, 0)
_UNKNOWN: Final[SeenKey] = (-1, None, 0)

Known = Callable[[bytes], KeyState | None]
Write = Callable[[Node], bytes]


class HeldKey(msgspec.Struct):
    """One registration, and what is wrong with it."""

    service: Service
    key: bytes
    value: bytes
    fault: str = ""


class EtcdRegistrations:
    """What is registered; each call is whole, from whatever thread.

    ``write`` makes the value of a node's key.
    """

    def __init__(
        self, prefix: bytes, ttl: int, mark: str, write: Write, known: Known, counts: EtcdCounts
    ) -> None:
        self.lease = 0
        self._prefix: Final = prefix
        self._ttl: Final = ttl
        self._granted = ttl
        self._mark: Final = mark
        self._write: Final = write
        self._known: Final = known
        self._counts: Final = counts
        self._lock: Final = threading.Lock()
        self._held: dict[tuple[str, int], HeldKey] = {}
        self._keys: frozenset[bytes] = frozenset()

    @property
    def keys(self) -> frozenset[bytes]:
        """The keys that are held."""
        return self._keys

    @property
    def rhythm(self) -> float:
        """Seconds from one keep-alive to the next."""
        return self._granted / 3

    def up(self, client: EtcdClient, service: Service) -> None:
        """Register the service's node, or renew it; nothing is written that stands already.

        Raises ``KeyTaken`` for a key that carries another mark or none, ``LeaseGone`` if the
        lease is.
        """
        with self._lock:
            key = self._key(service)
            held = HeldKey(service, key, self._write(service.node))
            before = self._held.get(service.key)
            if not self.lease:
                lease = client.grant(self._ttl)
                self.lease, self._granted = lease.id, lease.ttl
            if not self._stands(held):
                self._put(client, held)
            self._hold(service.key, held)
            if before is not None and before.key != key:
                self._delete(client, before.key)

    def down(self, client: EtcdClient, service: Service) -> None:
        """Remove the service's node if this host registered it, whenever that was."""
        with self._lock:
            keys = {self._key(service)}
            held = self._held.get(service.key)
            if held is not None:
                keys.add(held.key)
                self._hold(service.key, None)
            for key in keys:
                self._delete(client, key)

    def keep_alive(self, client: EtcdClient) -> None:
        """Renew the lease; raises ``LeaseGone`` if there is none any more."""
        if self.lease:
            client.keep_alive(self.lease)

    def restore(self, client: EtcdClient, keys: set[bytes]) -> None:
        """Something happened to these keys: put back those of ours that are not as they were.

        One that somebody else took in the meantime is left alone, and the fault shown; so is
        one that a later session of this host holds: two of them would never end.
        """
        with self._lock:
            for held in self._held.values():
                if held.key not in keys:
                    continue
                if self._stands(held):
                    held.fault = ""
                else:
                    self._restore(client, held)

    def lose(self) -> bool:
        """The lease is gone and all that hung on it; return True if there was anything."""
        with self._lock:
            had, self.lease = self.lease, 0
            self._held.clear()
            self._keys = frozenset()
            return bool(had)

    def release(self, client: EtcdClient, seconds: float) -> None:
        """Give the lease back, if nothing is registered that has to stay until it expires."""
        with self._lock:
            if self.lease and not self._held:
                client.revoke(self.lease, seconds)
                self.lease = 0

    def status(self) -> dict[str, Any]:
        faults = {held.service.name: held.fault for held in [*self._held.values()] if held.fault}
        return {
            "lease": f"{self.lease:x}" if self.lease else "",
            "ttl": self._granted,
            "registered": len(self._held),
            "unrenewed": dict(list(faults.items())[:_SHOWN]),
        }

    def _restore(self, client: EtcdClient, held: HeldKey) -> None:
        fault, written = "", False
        try:
            client.keep_alive(self.lease)
            written = self._put(client, held, anew=False)
        except LeaseGone:
            raise
        except Trouble as error:
            if not error.patient:
                raise
            fault = str(error)
        if fault and fault != held.fault:
            logger.error("%s cannot be registered again: %s", _shown(held.key), fault)
        elif written:
            self._counts.add("restored")
            logger.warning("%s was changed by someone; it was put back", _shown(held.key))
        held.fault = fault

    def _hold(self, key: tuple[str, int], held: HeldKey | None) -> None:
        if held is None:
            self._held.pop(key, None)
        else:
            self._held[key] = held
        self._keys = frozenset(one.key for one in self._held.values())

    def _stands(self, held: HeldKey) -> bool:
        entry = self._known(held.key)
        return entry is not None and (entry.value, entry.lease) == (held.value, self.lease)

    def _put(self, client: EtcdClient, held: HeldKey, anew: bool = True) -> bool:
        """Return True if it had to be written; ``anew`` takes over what another lease holds.

        Else nothing that the watch told is relied on: the first attempt cannot succeed.
        """
        seen, value, lease = self._seen(held.key) if anew else _UNKNOWN
        for _ in range(_TRIES):
            if (value, lease) == (held.value, self.lease):
                return False
            if seen > 0:
                self._demand_ours(held.key, value)
                if not anew and lease not in (0, self.lease):
                    raise KeyTaken(f"{_shown(held.key)} is held by another session of this host")
            answer = client.put_if(held.key, seen, held.value, self.lease)
            if answer.succeeded:
                return True
            seen, value, lease = _found(answer.responses)
        raise Trouble(f"{_shown(held.key)} changes all the time")

    def _delete(self, client: EtcdClient, key: bytes) -> None:
        seen, value, _ = self._seen(key)
        for _ in range(_TRIES):
            if not seen:
                return
            if (owner := owner_of(value or b"")) != self._mark:
                logger.info("%s is %s's; left alone", _shown(key), owner or "nobody of ours")
                return
            answer = client.delete_if(key, seen)
            if answer.succeeded:
                return
            seen, value, _ = _found(answer.responses)
        raise Trouble(f"{_shown(key)} changes all the time")

    def _seen(self, key: bytes) -> SeenKey:
        """What is known of a key; the answer tells if it has changed since."""
        entry = self._known(key)
        return _ABSENT if entry is None else (entry.revision, entry.value, entry.lease)

    def _demand_ours(self, key: bytes, value: bytes | None) -> None:
        owner = owner_of(value or b"")
        if owner != self._mark:
            who = f"registered by {one_line(owner, 80)}" if owner else "no registration of ours"
            raise KeyTaken(f"{_shown(key)} is {who}; left alone")

    def _key(self, service: Service) -> bytes:
        if not is_cluster_name(service.name):
            raise ValueError(f"{service.name!r} cannot be a part of a key")
        return self._prefix + f"{service.name}/{service.node.name}".encode()


def _found(responses: Any) -> SeenKey:
    kvs = [kv for one in responses if one.response_range for kv in one.response_range.kvs]
    return (kvs[0].mod_revision, kvs[0].value, kvs[0].lease) if kvs else _ABSENT


def _shown(key: bytes) -> str:
    return one_line(key.decode(errors="replace"), 150)
