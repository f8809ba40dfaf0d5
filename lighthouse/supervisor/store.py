"""What outlives the supervisor: the last good configuration and the last known nodes.

Each cluster is a small file of its own, so that saving costs as much as changed. Every file
carries the format's number and a checksum; one of another format, or that is damaged, is not
used, and said. Nothing here is ever needed for a start: it only makes one better while
discovery is away or a file is broken.

A file is renamed into place whole. What must not come undone by a power cut (what operators and
discoveries were told, the last good configuration) is synced too, and so is its directory: such
files change seldom and are small. The nodes of clusters and when discoveries were seen are not
synced: that would cost the supervisor's only thread many milliseconds for each change, and save
a few seconds of knowledge where power and discovery are lost together. What a power cut damages
is found by the checksum.

A directory that others own or may write to is not used: whoever can put a file there could
decide what is served. Nothing is read or written through a link.
"""

import logging
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.config.directories import create, refuse_shared
from lighthouse.discovery import Reading
from lighthouse.files import sync_directory
from lighthouse.ipc.messages import decode_as, encode
from lighthouse.node import is_cluster_name
from lighthouse.supervisor.verdicts import ConfigKey

_NAME: Final = b"lighthouse"
_FORMAT: Final = b"lighthouse 1\n"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_log: Final = logging.getLogger("lighthouse.supervisor")

T = TypeVar("T")


class SavedCluster(msgspec.Struct, frozen=True):
    """A cluster's readings by discovery, when they were read (wall clock), and of which name."""

    readings: dict[str, Reading]
    read_at: float
    looked_up: str = ""


class Good(msgspec.Struct, frozen=True):
    """The configuration in force: the text of each file, the content each plugin accepted."""

    texts: dict[str, bytes] = {}
    accepted: list[tuple[list[str], dict[str, Any]]] = []

    def by_key(self) -> dict[ConfigKey, dict[str, Any]]:
        return {tuple(key): content for key, content in self.accepted}


class LastSeen(msgspec.Struct, frozen=True):
    """When each discovery was last there (wall clock)."""

    times: dict[str, float] = {}


GOOD: Final = "config"
"""The record of the last good configuration."""


class UnreadableState(ValueError):
    """A file's content cannot be used; the text says why."""


class Store:
    """The files below a state directory; errors are logged once and never raised.

    ``problems`` says of each file that could not be used why, until it is written anew.
    """

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._clusters: Final = directory / "clusters"
        self.problems: Final[dict[Path, str]] = {}
        self._unwritten: Final[dict[Path, str]] = {}

    @property
    def error(self) -> str:
        """Why a file is not on disk as it should be, the newest failure; empty if all are."""
        return next(reversed(self._unwritten.values()), "")

    def lacks(self, name: str) -> bool:
        """Return True if a record of that name could not be written when it was to be."""
        return self._directory / name in self._unwritten

    def good(self) -> Good:
        return self._read(self._directory / GOOD, Good) or Good()

    def save_good(self, texts: Mapping[str, bytes], accepted: Mapping[ConfigKey, Any]) -> bool:
        contents = [(list(key), content) for key, content in accepted.items()]
        return self._write(self._directory / GOOD, Good(dict(texts), contents))

    def clusters(self) -> dict[str, SavedCluster]:
        """All remembered clusters by name."""
        found = {}
        with suppress(OSError):
            for path in self._clusters.iterdir():
                if is_cluster_name(path.name):
                    remembered = self._read(path, SavedCluster)
                    if remembered is not None:
                        found[path.name] = remembered
        return found

    def load(self, name: str, kind: type[T]) -> T | None:
        """A record of its own, None if it is not there or cannot be used."""
        return self._read(self._directory / name, kind)

    def save(self, name: str, value: object, durable: bool = True) -> bool:
        """Write a record of its own; return True if it is on disk now.

        ``durable``: power cut or not.
        """
        return self._write(self._directory / name, value, durable)

    def records(self, prefix: str) -> list[str]:
        """What follows that in the names of the records that begin with it."""
        with suppress(OSError):
            names = [path.name for path in self._directory.iterdir()]
            return sorted(n.removeprefix(prefix) for n in names if n.startswith(prefix))
        return []

    def forget(self, name: str) -> None:
        """There is to be no such record any more."""
        self.problems.pop(self._directory / name, None)
        self._unwritten.pop(self._directory / name, None)
        with suppress(OSError):
            (self._directory / name).unlink(missing_ok=True)

    def seen(self) -> dict[str, float]:
        """When each discovery was last there."""
        return (self.load("seen", LastSeen) or LastSeen()).times

    def save_seen(self, times: Mapping[str, float]) -> None:
        self._write(self._directory / "seen", LastSeen(dict(times)), durable=False)

    def save_cluster(self, name: str, remembered: SavedCluster) -> bool:
        return self._write(self._clusters / name, remembered, durable=False)

    def forget_cluster(self, name: str) -> None:
        self.problems.pop(self._clusters / name, None)
        self._unwritten.pop(self._clusters / name, None)
        with suppress(OSError):
            (self._clusters / name).unlink(missing_ok=True)

    def _write(self, path: Path, value: object, durable: bool = True) -> bool:
        body = encode(value)
        beside = path.with_name(f".{path.name}.new")
        try:
            create(self._directory, 0o700)
            create(path.parent, 0o700)
            with open(_new(beside), "wb") as file:
                file.write(_FORMAT + zlib.crc32(body).to_bytes(4) + body)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(path)
            if durable:
                sync_directory(path.parent)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            if not self._unwritten:
                _log.warning("the state directory cannot be written: %s", error)
            self._unwritten.pop(path, None)
            self._unwritten[path] = f"the state directory cannot be written: {error}"
            return False
        self._unwritten.pop(path, None)
        self.problems.pop(path, None)
        return True

    def _read(self, path: Path, kind: type[T]) -> T | None:
        """What a file holds; None if there is none, or with a problem if it cannot be used."""
        try:
            refuse_shared(self._directory)
            refuse_shared(path.parent)
            with open(os.open(path, _OLD), "rb") as file:
                return _parse(file.read(), kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = error.strerror or str(error)
        except UnreadableState as error:
            reason = str(error)
        _log.warning("%s is not used: %s", path, reason)
        self.problems[path] = reason
        return None


def _new(path: Path) -> int:
    """The descriptor of a new file; one of that name was left behind and is removed."""
    try:
        return os.open(path, _NEW, 0o600)
    except FileExistsError:
        path.unlink(missing_ok=True)
        return os.open(path, _NEW, 0o600)


def _parse(data: bytes, kind: type[T]) -> T:
    start = len(_FORMAT) + 4
    body = data[start:]
    if not data.startswith(_FORMAT):
        head, _, _ = data[:40].partition(b"\n")
        if head.startswith(_NAME + b" ") and head.isascii():
            number = head.removeprefix(_NAME).decode("ascii").strip()
            raise UnreadableState(f"it has format {number!r} of another release, expected 1")
        raise UnreadableState("it is damaged, or no file of lighthouse")
    if data[:start] != _FORMAT + zlib.crc32(body).to_bytes(4):
        raise UnreadableState("it is damaged: its checksum does not match")
    try:
        return decode_as(kind, body)
    except msgspec.MsgspecError as error:
        raise UnreadableState(f"its content is not what was expected: {error}") from error
