"""Which processes hold a lock on a file of a given name, as the kernel tells it.

Only what the caller may inspect is seen: processes of the same user, or all of them by root.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

_DELETED: Final = " (deleted)"


class LockHolder(msgspec.Struct, frozen=True):
    """A process, the file that it has locked, and where that lies, or lay until its removal."""

    pid: int
    path: Path
    inode: tuple[int, int]


def holders(name: str) -> Iterator[LockHolder]:
    """All processes that hold a write lock on a file of that name, removed or not."""
    for entry in sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        yield from of_process(entry, name)


def of_process(pid: int, name: str) -> Iterator[LockHolder]:
    """The same of one process."""
    last = f"/{name}"
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                link = f"/proc/{pid}/fd/{descriptor}"
                path = os.readlink(link).removesuffix(_DELETED)
                if path.endswith(last) and _locked(pid, descriptor):
                    status = os.stat(link)
                    yield LockHolder(pid, Path(path), (status.st_dev, status.st_ino))


def _locked(pid: int, descriptor: str) -> bool:
    """Return True if a write lock belongs to the open file itself, not to who reads it."""
    lines = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text("ascii").splitlines()
    return any("OFDLCK" in line and " WRITE " in line for line in lines)
