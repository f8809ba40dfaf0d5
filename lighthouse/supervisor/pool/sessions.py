"""The sessions that workers lead, noted on disk so that a killed supervisor leaves nothing.

A worker dies with its supervisor; what the worker's plugin forked does not. The next start
finds the numbers of those sessions and ends what is left in them.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from lighthouse.config.directories import create
from lighthouse.process.orphans import end_session


class Sessions:
    """A directory with one empty file for each live session, named by its number."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._live: Final[set[int]] = set()
        create(directory, 0o700)

    def clear(self) -> int:
        """End what an earlier run left behind; returns how many processes that were.

        A session whose leader lives is none of ours any more: a worker would be dead, so the
        number has been given away.
        """
        ended = 0
        for entry in list(self._directory.iterdir()):
            if entry.name.isdigit() and not _lives(int(entry.name)):
                ended += end_session(int(entry.name))
            entry.unlink(missing_ok=True)
        return ended

    def began(self, leader: int) -> None:
        self._live.add(leader)
        with suppress(OSError):
            (self._directory / str(leader)).touch(mode=0o600)

    def restore(self) -> bool:
        """Note those that live once more if the directory was removed. Returns True if it was."""
        if self._directory.is_dir():
            return False
        create(self._directory, 0o700)
        for leader in list(self._live):
            self.began(leader)
        return True

    def ended(self, leader: int) -> None:
        self._live.discard(leader)
        with suppress(OSError):
            (self._directory / str(leader)).unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    """Return True if a process of that number exists that is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat[stat.rindex(b")") + 2 :][:1] != b"Z" and pid != os.getpid()
