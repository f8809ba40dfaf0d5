"""Files that a running program watches: moved in whole at once, and on disk a little later.

A synced write takes several times as long as Envoy needs to take the change, so a file is
moved in first and synced afterwards. If the host crashes in between, a file may be lacking; then
nothing runs, and what is wanted is written anew before anything is started on it.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Final

from lighthouse.files.exchange import naming, sync_directory

DEBOUNCE: Final = 0.5
_MODE: Final = 0o640


class WatchedFiles:
    """Writes files by moving them in, and remembers which are not synced yet."""

    def __init__(self) -> None:
        self._unsynced: Final[set[str]] = set()
        self._sync_at = 0.0

    def read(self, path: str) -> str:
        """The content, empty if there is none."""
        try:
            return Path(path).read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def put(self, path: str, text: str) -> None:
        """Move the text in; raises ``OSError`` with the old file whole."""
        target = Path(path)
        beside = target.with_name(f".{target.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            with naming(target), open(os.open(beside, flags, _MODE), "wb") as file:
                file.write(text.encode())
            os.replace(beside, target)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        self._unsynced.add(path)
        self._sync_at = time.monotonic() + DEBOUNCE

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)
        self._unsynced.discard(path)

    def after(self) -> float | None:
        """Seconds until ``sync`` has something to do; None if there is nothing."""
        if not self._unsynced:
            return None
        return max(0.0, self._sync_at - time.monotonic())

    def sync(self, now: bool = False) -> None:
        """Have on disk what was moved in, if it is time; what cannot be is tried again."""
        if not now and self.after() != 0.0:
            return
        for directory in {os.path.dirname(path) for path in self._unsynced}:
            with contextlib.suppress(OSError):
                sync_directory(directory)
        for path in list(self._unsynced):
            with contextlib.suppress(OSError), open(path, "rb") as file:
                os.fsync(file.fileno())
        self._unsynced.clear()
