"""The sessions that workers lead, noted on disk so that a killed supervisor leaves nothing.

A worker dies with its supervisor; what the worker's plugin forked does not. The next start
finds the numbers of those sessions and ends what is left in them. Numbers are given away again,
so that each is noted with a mark that its processes have in their environment.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from lighthouse.config.directories import create
from lighthouse.process.ending.orphans import end_marked


class Sessions:
    """A directory with one file for each live session, named by its number; it has the mark."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory
        self._live: Final[dict[int, str]] = {}
        create(directory, 0o700)

    def clear(self) -> int:
        """End what an earlier run left behind; returns how many processes that were."""
        ended = 0
        for entry in list(self._directory.iterdir()):
            with suppress(OSError, ValueError):
                ended += end_marked(int(entry.name), entry.read_text("ascii"))
            with suppress(OSError):
                entry.unlink()
        return ended

    def began(self, leader: int, mark: str) -> None:
        self._live[leader] = mark
        with suppress(OSError):
            (self._directory / str(leader)).write_text(mark)

    def restore(self) -> bool:
        """Note those that live once more if the directory was removed. Returns True if it was."""
        if self._directory.is_dir():
            return False
        create(self._directory, 0o700)
        for leader, mark in list(self._live.items()):
            self.began(leader, mark)
        return True

    def ended(self, leader: int) -> None:
        self._live.pop(leader, None)
        with suppress(OSError):
            (self._directory / str(leader)).unlink(missing_ok=True)
