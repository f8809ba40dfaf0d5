"""The nodes that this host keeps registered: one file each, renewed by a heartbeat.

A file is only ever replaced by renaming a complete one over it, so no reader finds it absent
or half written. A file under the same name that no lighthouse wrote is never touched.
"""

import contextlib
import errno
import logging
import os
from typing import Any, Final

import msgspec

from lighthouse.file.contents import SUFFIX, Signature, read, signature
from lighthouse.file.record import Marks, NodeFile, encode, marks
from lighthouse.files import sync_directory
from lighthouse.node import Refused, is_cluster_name
from lighthouse.record import owner
from lighthouse.service import Service

logger: Final = logging.getLogger(__name__)

_OPEN_FILE: Final = 0o644
_OPEN_DIRECTORY: Final = 0o755
"""What is registered is for every host and every user, whatever a worker's umask is."""


class HeldFile(msgspec.Struct):
    """One registration; ``due`` (monotonic) is when its next heartbeat is to be written."""

    service: Service
    path: str
    beat: int
    due: float
    signature: Signature | None = None
    fault: str = ""


def place(root: str, service: Service) -> str:
    """The file of a service's node below the source's directory."""
    if not is_cluster_name(service.name):
        raise ValueError(f"{service.name!r} cannot be the name of a directory")
    address = service.node.ip.replace(":", "-")
    return f"{root}/{service.name}/{address}_{service.node.port}{SUFFIX}"


class FileRegistrations:
    """What is registered in a source; ``restored`` counts files that someone removed."""

    def __init__(self, root: str, ttl: float) -> None:
        self.restored = 0
        self._root: Final = root
        self._ttl: Final = ttl
        self._owner: Final = owner(root)
        self._held: dict[tuple[str, int], HeldFile] = {}

    def up(self, service: Service, now: float) -> None:
        """Write the service's file, unless it stands there as it should.

        Raises ``OSError`` if that fails, ``FileExistsError`` if the name is taken by a file
        that is none of ours.
        """
        path = place(self._root, service)
        held = self._held.get(service.key)
        if held is not None and held.path == path and held.service == service and _stands(held):
            return
        fresh = HeldFile(service, path, self._last_beat(path) + 1, now)
        self._write(fresh, now, durable=True)
        self._held[service.key] = fresh
        if held is not None and held.path != path:
            self._remove(held.path)

    def down(self, service: Service) -> None:
        """Remove the service's file if this host's lighthouse wrote it."""
        held = self._held.pop(service.key, None)
        paths = {place(self._root, service)} | ({held.path} if held is not None else set())
        for path in paths:
            self._remove(path)

    def next_beat(self) -> float | None:
        """When ``beat`` has something to do."""
        return min((held.due for held in self._held.values()), default=None)

    def beat(self, now: float) -> None:
        """Renew what is due; a failure is noted and the next beat tries again."""
        for held in self._held.values():
            if held.due <= now:
                self._renew(held, now)

    def removed(self, cluster: str, names: set[str], now: float) -> None:
        """Something happened to these files: put back those of ours that are gone."""
        for held in self._held.values():
            ours = held.service.name == cluster and os.path.basename(held.path) in names
            if ours and not os.path.lexists(held.path):
                self._renew(held, now)

    def clusters(self) -> set[str]:
        """The clusters in which something is registered."""
        return {held.service.name for held in self._held.values()}

    def status(self) -> dict[str, Any]:
        faults = {held.service.name: held.fault for held in self._held.values() if held.fault}
        return {"registered": len(self._held), "restored": self.restored, "unrenewed": faults}

    def _renew(self, held: HeldFile, now: float) -> None:
        held.due = now + self._ttl / 3
        removed = not os.path.lexists(held.path)
        try:
            if not removed and not _stands(held):
                held.beat = max(held.beat, self._last_beat(held.path))
            held.beat += 1
            self._write(held, now, durable=False)
        except OSError as error:
            self._fail(held, error)
            return
        if held.fault:
            logger.info("%s is renewed again", held.path)
        held.fault = ""
        if removed:
            self.restored += 1
            logger.warning("%s had been removed; it was written again", held.path)

    def _fail(self, held: HeldFile, error: OSError) -> None:
        """A full disk must not look like a dead host: a new time stamp needs no space."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and _stands(held):
            try:
                os.utime(held.path)
                held.signature = signature(held.path)
            except OSError:
                logger.debug("%s: no new time stamp either", held.path, exc_info=True)
        if held.fault != str(error):
            logger.error("%s cannot be renewed: %s", held.path, error)
        held.fault = str(error)

    def _write(self, held: HeldFile, now: float, durable: bool) -> None:
        record = NodeFile(held.service.node, self._ttl, self._owner, held.beat)
        directory, name = os.path.split(held.path)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory)
            os.chmod(directory, _OPEN_DIRECTORY)
        beside = f"{directory}/.{name}.{self._owner.rpartition(':')[2]}"
        try:
            _write_file(beside, encode(record), durable)
            os.rename(beside, held.path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        if durable:
            sync_directory(directory)
        held.signature = signature(held.path)
        held.due = now + self._ttl / 3

    def _last_beat(self, path: str) -> int:
        """The beat of the registration that stands under a name, 0 if none of ours does."""
        found = self._found(path)
        if found is None:
            return 0
        if found.ttl is None or not isinstance(found.owner, str):
            raise FileExistsError(errno.EEXIST, "no registration of lighthouse; left alone", path)
        return found.beat if type(found.beat) is int and found.owner == self._owner else 0

    def _remove(self, path: str) -> None:
        found = self._found(path)
        if found is None:
            return
        if found.ttl is not None and found.owner == self._owner:
            os.unlink(path)
            sync_directory(os.path.dirname(path))
        else:
            logger.info("%s is no registration of this host; left alone", path)

    def _found(self, path: str) -> Marks | None:
        """The marks in a file; None if there is none, or nothing that anyone could read."""
        try:
            return marks(read(path).data)
        except FileNotFoundError:
            return None
        except Refused:
            return Marks()


def _stands(held: HeldFile) -> bool:
    """Return True if the file is the one that was last written."""
    try:
        return signature(held.path) == held.signature
    except OSError:
        return False


def _write_file(path: str, data: bytes, durable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, _OPEN_FILE)
    try:
        os.fchmod(descriptor, _OPEN_FILE)
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, "only a part could be written", path)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
