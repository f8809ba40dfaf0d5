"""What outlives the supervisor: the last good configuration and the last known nodes.

Each cluster is a small file of its own, so that saving costs as much as changed. Every file
carries a checksum; one that does not match counts as absent. Nothing here is ever needed for
a start: it only makes one better while discovery is away or a file is broken.
"""

import logging
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.discovery import Reading
from lighthouse.messages import decode_as, encode
from lighthouse.supervisor.ledger import Key

_FORMAT: Final = b"lighthouse 1\n"
_log: Final = logging.getLogger("lighthouse.supervisor")

T = TypeVar("T")


class Remembered(msgspec.Struct, frozen=True):
    """A cluster's readings by discovery, and when they were read (wall clock)."""

    readings: dict[str, Reading]
    read_at: float


class Good(msgspec.Struct, frozen=True):
    """The configuration in force: the text of each file, the content each plugin accepted."""

    texts: dict[str, bytes] = {}
    accepted: list[tuple[list[str], dict[str, Any]]] = []

    def by_key(self) -> dict[Key, dict[str, Any]]:
        return {tuple(key): content for key, content in self.accepted}


class Cache:
    """The files below a state directory; errors are logged once and never raised."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._clusters: Final = directory / "clusters"
        self.error = ""

    def good(self) -> Good:
        return _read(self._directory / "config", Good) or Good()

    def save_good(self, texts: Mapping[str, bytes], accepted: Mapping[Key, Any]) -> None:
        contents = [(list(key), content) for key, content in accepted.items()]
        self._write(self._directory / "config", Good(dict(texts), contents))

    def clusters(self) -> dict[str, Remembered]:
        """All remembered clusters by name."""
        found = {}
        with suppress(OSError):
            for path in self._clusters.iterdir():
                remembered = _read(path, Remembered)
                if remembered is not None:
                    found[path.name] = remembered
        return found

    def save_cluster(self, name: str, remembered: Remembered) -> None:
        self._write(self._clusters / name, remembered)

    def forget_cluster(self, name: str) -> None:
        with suppress(OSError):
            (self._clusters / name).unlink(missing_ok=True)

    def load(self, name: str, kind: type[T]) -> T | None:
        """A record of its own, None if it is not there or damaged."""
        path = self._directory / name
        found = _read(path, kind)
        if found is None and path.exists():
            _log.warning("%s is damaged and counts as absent", path)
        return found

    def save(self, name: str, value: object) -> bool:
        """Whether a record of its own is on disk now."""
        return self._write(self._directory / name, value)

    def _write(self, path: Path, value: object) -> bool:
        body = encode(value)
        beside = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_FORMAT + zlib.crc32(body).to_bytes(4) + body)
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            if not self.error:
                _log.warning("the state directory cannot be written: %s", error)
            self.error = f"the state directory cannot be written: {error}"
            return False
        self.error = ""
        return True


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = len(_FORMAT) + 4
    body = data[start:]
    if data[:start] != _FORMAT + zlib.crc32(body).to_bytes(4):
        return None
    try:
        return decode_as(kind, body)
    except msgspec.MsgspecError:
        return None
