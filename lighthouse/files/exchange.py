"""What files are on disk: who has written them, two that change places, a directory's list."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2

Mark = tuple[int, ...]
"""What changes when somebody writes a file or puts another in its place."""


def mark_of(found: os.stat_result) -> Mark:
    """The mark of a file that was looked at."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def mark_at(path: Path | str) -> Mark:
    """The mark of the file at a path, empty if it cannot be looked at."""
    try:
        return mark_of(os.stat(path))
    except OSError:
        return ()


@contextlib.contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Have an ``OSError`` of a write say of which file it is: the kernel tells no name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def exchange(one: Path, other: Path) -> bool:
    """Have two files change places at once; False where there are no two, or it cannot be."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    sys.audit("os.rename", os.fspath(one), os.fspath(other), -1, -1)  # as os.rename itself does
    paths = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)


def sync_directory(directory: Path | str) -> None:
    """Have on disk which files a directory has: what was renamed there, or removed."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
