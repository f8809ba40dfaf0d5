"""What a file holds, read so that nothing found under a name can block or harm the reader."""

import errno
import os
import stat
from typing import Final

import msgspec

from lighthouse.file.record import Unfinished
from lighthouse.node import MAX_RECORD, Refused

SUFFIX: Final = ".json"

Signature = tuple[int, int, int, int, int]
"""Device, inode, change times (ns, of the file's own clock) and size: only ever compared
for equality with another one of the same file."""

_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Contents(msgspec.Struct, frozen=True):
    """A file's bytes, and the signature that it had when they were read."""

    signature: Signature
    data: bytes


def is_record_name(name: str) -> bool:
    """Return True if a file of this name holds a node: ``*.json``, not hidden."""
    return name.endswith(SUFFIX) and not name.startswith(".")


def signature(path: str) -> Signature:
    """The signature of the file that a path leads to; raises ``OSError``."""
    return _signature(os.stat(path))


def read(path: str) -> Contents:
    """The content of a regular file, links followed, and at most one byte more than a record.

    Raises ``FileNotFoundError`` if there is nothing under this name, ``Refused`` for what is
    no file (``Unfinished`` for a link that leads nowhere, which may just be changing), and
    another ``OSError`` if the file could not be read, which says nothing about its content.
    """
    try:
        _expect_file(os.stat(path))
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):
            raise Unfinished("a link that leads nowhere") from None
        raise
    except OSError as error:
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise Refused("a link that leads to itself") from None
        raise
    try:
        found = os.fstat(descriptor)
        _expect_file(found)
        return Contents(_signature(found), os.read(descriptor, MAX_RECORD + 1))
    finally:
        os.close(descriptor)


def _expect_file(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise Refused(f"expected a regular file, got {kind}")


def _signature(found: os.stat_result) -> Signature:
    return (
        found.st_dev,
        found.st_ino,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_size,
    )
