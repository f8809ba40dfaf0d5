"""Directories for what is only tried: they go with their owner, however that ends."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lighthouse.process.ending.known import is_alive

_NAME: Final = re.compile(r"lighthouse-scratch-(\d+)-\w+")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty directory; gone afterwards, or, if this process is killed, with the next one."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"lighthouse-scratch-{os.getpid()}-") as place:
        yield Path(place)


def _sweep(directory: Path) -> None:
    """Remove what processes of this user left that were killed."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            owner = _NAME.fullmatch(entry.name)
            if owner is not None:
                with contextlib.suppress(FileNotFoundError):  # another one's, done just now
                    _sweep_one(entry, int(owner[1]))


def _sweep_one(entry: os.DirEntry[str], owner: int) -> None:
    mine = entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    if mine and entry.is_dir(follow_symlinks=False) and not is_alive(owner):
        shutil.rmtree(entry.path, ignore_errors=True)
