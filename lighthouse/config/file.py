"""One file of the tree as it was last read, and its last good version."""

import contextlib
import functools
import logging
import os
import stat
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from lighthouse.config.fault import Fault
from lighthouse.config.scan import FoundFile
from lighthouse.config.schema import reader
from lighthouse.config.schema.document import MAX_BYTES, Broken, YamlDocument, parse
from lighthouse.config.schema.keys.files import TABLES
from lighthouse.config.schema.section import SectionReader
from lighthouse.config.schema.types import (
    ClusterFile,
    DaemonSettings,
    PluginFile,
    ServiceFile,
    WorkerSettings,
)
from lighthouse.schema import Problem

Content = DaemonSettings | PluginFile | ClusterFile | ServiceFile | dict[str, Any]

_log: Final = logging.getLogger("lighthouse.supervisor")

_SETTLED: Final = 2.0
"""Seconds after which a change must show in a file's times; no file system's tick is longer."""

_KINDS: Final = {
    stat.S_ISDIR: "a directory",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


class FileVersion(msgspec.Struct, frozen=True):
    """A file's text and what it says; ``content`` is None if it has faults."""

    text: bytes
    document: YamlDocument | None = None
    content: Content | None = None
    faults: tuple[Fault, ...] = ()


class Unreadable(OSError):
    """A file's text cannot be had; the text says why."""


class ConfigFile:
    """Follows one file; ``newest`` is None while it cannot be read."""

    def __init__(self, root: Path, found: FoundFile, kept: bytes | None) -> None:
        self.file: Final = found.file
        self.kind: Final = found.kind
        self.stem: Final = found.stem
        self.newest: FileVersion | None = None
        self.good: FileVersion | None = None
        self.unreadable: tuple[Fault, ...] = ()
        self._root: Final = root
        self._signature: object = None
        if kept is not None:
            version = self._understood(kept)
            self.good = version if version.content is not None else None

    def refresh(self, found: FoundFile) -> bool:
        """Read the file again if it may have changed. Return True if anything about it did."""
        if self._signature is not None and self._signature == _sign(found.stat):
            return False
        before = self.newest, self.unreadable
        try:
            text = self._read(found.stat)
        except OSError as error:
            reason = str(error) if isinstance(error, Unreadable) else error.strerror
            self._signature = None
            self.newest = None
            self.unreadable = (Fault(self.file, 1, 1, f"cannot be read: {reason}"),)
        else:
            self.unreadable = ()
            if self.newest is None or text != self.newest.text:
                self.newest = self._understood(text)
        return before != (self.newest, self.unreadable)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The file's own faults."""
        return self.newest.faults if self.newest else self.unreadable

    def _read(self, status: os.stat_result | OSError) -> bytes:
        if isinstance(status, OSError):
            raise status
        # Not even opened unless it is a plain file: opening a FIFO or a device has effects.
        _expect_file(status)
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with open(os.open(self._root / self.file, flags), "rb") as file:
            status = os.fstat(file.fileno())
            _expect_file(status)
            # Without waiting: None is a file that has nothing for now, which no plain file says.
            text: bytes | None = file.read(MAX_BYTES + 1)
        if text is None:
            raise Unreadable("expected a file, got something to be waited for")
        if len(text) > MAX_BYTES:
            raise Unreadable(f"expected at most {MAX_BYTES} bytes, got {status.st_size}")
        # A file that was written just now may be written again without its times moving on.
        age = time.time() - max(status.st_mtime, status.st_ctime)
        self._signature = _sign(status) if age > _SETTLED else None
        return text

    def _understood(self, text: bytes) -> FileVersion:
        """What a text says; a mistake of ours in making sense of it costs this file only."""
        try:
            return self._understand(text)
        # The boundary of one file: the others, and the daemon, go on without it.
        except Exception as error:  # noqa: BLE001
            _log.exception("%s cannot be made sense of", self.file)
            reason = f"cannot be made sense of: {type(error).__name__}: {error}"
            return FileVersion(text, faults=(Fault(self.file, 1, 1, reason),))

    def _understand(self, text: bytes) -> FileVersion:
        try:
            document = parse(self.file, text)
        except Broken as error:
            return FileVersion(text, faults=error.faults)
        problems: list[Problem] = []
        content = self._content(SectionReader(document.data, problems, TABLES[self.kind]))
        faults = {document.fault(problem.path, problem.message) for problem in problems}
        return FileVersion(text, document, None if faults else content, tuple(sorted(faults)))

    def _content(self, section: SectionReader) -> Content:
        match self.kind:
            case "lighthouse":
                return reader.daemon(section, self._root)
            case "logging":
                return reader.log_config(section)
            case "clusters":
                return reader.cluster(section, self.stem, self.file)
            case "services":
                return reader.service(section, self.stem, self.file)
            case _:
                return reader.plugin(section, self.stem, self.file, WorkerSettings())


def _sign(status: os.stat_result | OSError) -> object:
    """What changes whenever a file's content, or the file that a name leads to, does."""
    if isinstance(status, OSError):
        return None
    return (
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _expect_file(status: os.stat_result) -> None:
    """Raise ``Unreadable`` unless it is a plain file on a file system that stores files."""
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS.items() if test(status.st_mode)), "no file")
        raise Unreadable(f"expected a file, got {kind}")
    if status.st_dev in _kernels():
        raise Unreadable("expected a file, got one that the kernel makes up")


@functools.cache
def _kernels() -> set[int]:
    """The file systems on which reading a plain file may wait, take away or set off something."""
    found = set()
    for place in ("/proc", "/sys", "/sys/kernel/debug", "/sys/kernel/tracing"):
        with contextlib.suppress(OSError):
            found.add(os.stat(place).st_dev)
    return found - {os.stat("/").st_dev}
