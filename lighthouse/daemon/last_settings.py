"""The last good ``lighthouse.yaml`` of a tree, where it is found without reading that file.

The file says where the state is, in which its last good version lies like that of any other
file. A version that names a place of its own is therefore kept once more, in a place that
depends on the tree and the user only. Nothing here ever raises: it only makes things better
while the file is broken.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from lighthouse.config.directories import create, durable, named
from lighthouse.config.schema.types import DaemonSettings
from lighthouse.files import sync_directory

NAMES: Final = ("lighthouse.yaml", "lighthouse.yml")
_TREE: Final = "tree"
_MAX: Final = 1024 * 1024

AGAIN: Final = 10.0
"""Seconds after which what is kept is looked at again: it may have been removed, or not kept."""


def recall(root: Path) -> dict[str, bytes]:
    """Name and text of the last good file, nothing if none is kept."""
    for name in NAMES:
        with suppress(OSError):
            path = _place(root) / name
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                return {name: file.read(_MAX)}
    return {}


class LastSettings:
    """What is kept of one tree's file."""

    def __init__(self, root: Path) -> None:
        self._root: Final = root
        self._kept: tuple[Mapping[str, bytes], DaemonSettings] | None = None
        self._again_at = 0.0

    def remember(self, texts: Mapping[str, bytes], settings: DaemonSettings, now: float) -> None:
        """Keep the file of that name in ``texts`` if its content says where things are.

        The same texts are compared with what is on disk now and then only.
        """
        kept = self._kept
        same = kept is not None and kept[0] is texts and kept[1] is settings
        if same and now < self._again_at:
            return
        places = settings.run_dir is not None or settings.state_dir is not None
        found = {name: text for name, text in texts.items() if name in NAMES and places}
        if found != recall(self._root):
            _keep(self._root, found)
        self._kept, self._again_at = (texts, settings), now + AGAIN


def _keep(root: Path, found: Mapping[str, bytes]) -> None:
    with suppress(OSError):
        _forget_the_gone()
        place = _place(root)
        shutil.rmtree(place, ignore_errors=True)
        for name, text in found.items():
            create(create(place.parent, 0o700) / place.name, 0o700)
            (place / _TREE).symlink_to(named(root))
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(place / f".{name}", flags, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            (place / f".{name}").replace(place / name)
            sync_directory(place)


def _place(root: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(named(root))).hexdigest()[:16]
    return durable() / "lighthouse" / "trees" / digest


def _forget_the_gone() -> None:
    """Trees that were removed need nothing any more."""
    with suppress(OSError):
        for place in (durable() / "lighthouse" / "trees").iterdir():
            if not (place / _TREE).exists():
                shutil.rmtree(place, ignore_errors=True)
