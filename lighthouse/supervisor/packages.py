"""What is installed, read anew where packages were installed, upgraded or removed since."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

from lighthouse.distribution.installed import Installed

_Mark = tuple[str, int]


class InstalledPackages:
    """``installed`` is what was found last."""

    def __init__(self) -> None:
        self._marks = frozenset(_marks())
        self.installed = Installed.here()

    def look(self, afresh: bool = False) -> bool:
        """Return True if anything was installed or removed, a plugin or what one may need.

        ``afresh``: look for sources that were edited in their place, too.
        """
        marks = frozenset(_marks())
        if marks == self._marks and not afresh:
            return False
        self._marks = marks
        self.installed = Installed.here()
        return True


def _marks() -> Iterator[_Mark]:
    """What changes with every installation: the directories of packages and of their metadata."""
    for path in sys.path:
        with suppress(OSError):
            yield path, os.stat(path).st_mtime_ns
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name.endswith((".dist-info", ".egg-info")):
                        yield entry.path, entry.stat().st_mtime_ns
