"""The nodes that this host keeps registered: an ephemeral znode each.

Readers never find one absent because lighthouse was started again: the znode of an earlier
session of this host is replaced in one transaction. One that somebody else wrote is never
touched. Calls wait for the servers, for seconds at most.
"""

import functools
import logging
import time
from typing import Any, Final

import msgspec
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NodeExistsError,
    NoNodeError,
)
from kazoo.protocol.serialization import Exists

from lighthouse import record
from lighthouse.process.timing.timers import Timers
from lighthouse.record import owner
from lighthouse.service import Service
from lighthouse.text import one_line
from lighthouse.zookeeper.protocol import acl
from lighthouse.zookeeper.protocol.errors import denial
from lighthouse.zookeeper.protocol.requests import PERSISTENT, AddWatch, RemoveWatches
from lighthouse.zookeeper.session import ZooKeeperSession
from lighthouse.zookeeper.settings import ZooKeeperSettings
from lighthouse.zookeeper.watch_events import WatchEvents

RETRY: Final = 1.0
_ATTEMPTS: Final = 5

logger: Final = logging.getLogger(__name__)


class HeldZnode(msgspec.Struct):
    """What is to stand at one path; ``stands`` when it does, as far as anybody knows."""

    path: str
    data: bytes
    stands: bool = False
    fault: str = ""


class ZooKeeperRegistrations:
    """Registers through a session; ``restored`` counts znodes that somebody had removed."""

    def __init__(
        self,
        settings: ZooKeeperSettings,
        session: ZooKeeperSession,
        events: WatchEvents,
        timers: Timers,
    ) -> None:
        self.restored = 0
        self._settings: Final = settings
        self._session: Final = session
        self._events: Final = events
        self._timers: Final = timers
        self._acl: Final = acl.entries(settings.acl)
        self._owner: Final = owner(f"zookeeper:/{'/'.join(settings.steps)}")
        self._held: Final[dict[tuple[str, int], HeldZnode]] = {}

    @property
    def empty(self) -> bool:
        """Return True if nothing of ours stands."""
        return not any(held.stands for held in self._held.values())

    def up(self, service: Service) -> None:
        """Have the service's node stand, as it is now.

        Raises ``FileExistsError`` if the name is taken by somebody else's, another ``OSError``
        with what to do if it cannot be done.
        """
        data = record.encode(service.node, self._owner, self._settings.format)
        path = f"{self._settings.place(service.name)}/{service.node.name}"
        before = self._held.get(service.key)
        held = self._held[service.key] = HeldZnode(path, data)
        self._follow(path)
        self._stand(held)
        if before is not None and before.path != path:
            self._remove(before.path)

    def down(self, service: Service) -> None:
        """Remove the service's node if this host registered it; raises like ``up``."""
        held = self._held.pop(service.key, None)
        paths = {f"{self._settings.place(service.name)}/{service.node.name}"}
        for path in paths | ({held.path} if held is not None else set()):
            self._remove(path)

    def status(self) -> dict[str, Any]:
        faults = {held.path: held.fault for held in self._held.values() if held.fault}
        return {
            "registered": sum(held.stands for held in self._held.values()),
            "restored": self.restored,
            "unregistered": dict(list(faults.items())[:10]),
        }

    def connected(self, renewed: bool, _rooted: bool) -> None:
        """After a pause, see if all is as it was; a new session begins with nothing."""
        for held in self._held.values():
            if renewed:
                held.stands = False
            else:
                self._follow(held.path)
                self._session.ask(Exists(held.path, None), _Look(self, held.path))

    def disconnected(self, lost: bool, _reason: str) -> None:
        """The host asks again for what a lost session held."""
        if lost:
            for held in self._held.values():
                self._events.owned.pop(held.path, None)
            self._held.clear()

    def removed(self, path: str) -> None:
        """Whatever stood at one of our paths is gone: put it there again, or at last.

        Unless a later session of this host has done so: two of them would never end.
        """
        for held in self._held.values():
            if held.path == path:
                self._restore(held)

    def _restore(self, held: HeldZnode) -> None:
        if self._held_at(held.path) is not held or not self._session.connected:
            return
        stood = held.stands
        try:
            created = self._stand(held, anew=False)
        except FileExistsError as error:
            logger.warning("%s", error)
            return
        except OSError as error:
            logger.warning("cannot be registered again: %s", error)
            again = functools.partial(self._restore, held)
            self._timers.set(("restore", held.path), time.monotonic() + RETRY, again)
            return
        if stood and created:
            self.restored += 1
            logger.warning("%s had been removed; it was registered again", one_line(held.path))

    def _held_at(self, path: str) -> HeldZnode | None:
        return next((held for held in self._held.values() if held.path == path), None)

    def _follow(self, path: str) -> None:
        """Hear of it when the znode is removed, whoever wrote it."""
        self._events.owned[path] = self.removed
        if self._session.connected:
            self._session.ask(AddWatch(path, PERSISTENT), _nothing)

    def _stand(self, held: HeldZnode, anew: bool = True) -> bool:
        """Have the znode stand; return True if it had to be created. Notes what is in the way.

        ``anew`` takes it over from another session of this host.
        """
        try:
            created = self._converge(held, anew)
        except OSError as error:
            held.stands, held.fault = False, str(error)
            raise
        held.stands, held.fault = True, ""
        return created

    def _converge(self, held: HeldZnode, anew: bool) -> bool:
        path, data = held.path, held.data
        try:
            for _ in range(_ATTEMPTS):
                done = self._step(path, data, anew)
                if done is not None:
                    return done
        except KazooException as error:
            raise self._explained(error, path) from error
        raise BlockingIOError(f"{path}: changes faster than it can be registered")

    def _step(self, path: str, data: bytes, anew: bool) -> bool | None:
        """One look and one change; True if the znode was created, None: look again."""
        try:
            found, stat = self._session.call(lambda client: client.get_async(path))
            if stat.ephemeralOwner == self._session.number:
                if found != data:
                    self._session.call(lambda client: client.set_async(path, data, stat.version))
                return False
            by = record.owner_of(found) or "somebody else"
            if by == self._owner and not anew:
                by = "another session of this host"
            if by != self._owner:
                raise FileExistsError(f"{path}: registered by {one_line(by, 80)}; left alone")
            return self._replace(path, data, stat.version)
        except NoNodeError:
            return self._create(path, data)
        except BadVersionError:
            return None

    def _create(self, path: str, data: bytes) -> bool | None:
        def begin(client: KazooClient) -> Any:
            return client.create_async(path, data, self._acl, ephemeral=True, makepath=True)

        try:
            self._session.call(begin)
        except (NodeExistsError, NoNodeError):
            return None
        return True

    def _replace(self, path: str, data: bytes, version: int) -> bool | None:
        """Put a znode of this session in the place of an earlier one's, at one moment."""

        def begin(client: KazooClient) -> Any:
            change = client.transaction()
            change.delete(path, version)
            change.create(path, data, self._acl, ephemeral=True)
            return change.commit_async()

        results = self._session.call(begin)
        failed = [one for one in results if isinstance(one, Exception)]
        for error in failed:
            if type(error).__name__ not in _TRY_AGAIN:
                raise error
        return None if failed else True

    def _remove(self, path: str) -> None:
        """Remove a znode if it is ours, whichever session it is of."""
        self._events.owned.pop(path, None)
        try:
            gone = any(self._removed(path) for _ in range(_ATTEMPTS))
        except NoNodeError:
            gone = True
        except KazooException as error:
            raise self._explained(error, path) from error
        if not gone:
            raise BlockingIOError(f"{path}: changes faster than it can be removed")
        self._session.ask(RemoveWatches(path), _nothing)

    def _removed(self, path: str) -> bool:
        """Return True if nothing of ours is there, after one look and one attempt."""
        found, stat = self._session.call(lambda client: client.get_async(path))
        ours = record.owner_of(found) == self._owner
        if not ours and stat.ephemeralOwner != self._session.number:
            logger.info("%s is no registration of this host; left alone", one_line(path))
            return True
        try:
            self._session.call(lambda client: client.delete_async(path, stat.version))
        except BadVersionError:
            return False
        return True

    def _explained(self, error: KazooException, path: str) -> OSError:
        return OSError(denial(error, path, self._settings.user))


_TRY_AGAIN: Final = ("RolledBackError", "RuntimeInconsistency", "BadVersionError", "NoNodeError")


class _Look:
    """Takes the answer to the question if a registration is still there."""

    def __init__(self, registrations: ZooKeeperRegistrations, path: str) -> None:
        self._registrations: Final = registrations
        self._path: Final = path

    def __call__(self, found: Any, error: Exception | None) -> None:
        if error is None and found is None:
            self._registrations.removed(self._path)


def _nothing(_answer: Any, _error: Exception | None) -> None:
    """Whatever became of it, nothing follows."""
