"""Keeps the collector's pauses short in a process that holds much for long.

Python looks at everything that lives whenever enough is new, which takes 50 ms with the nodes
of a large fleet. Whoever has nothing better to do calls ``tidy`` every few seconds; then only
what is younger than the last call is ever looked at.
"""

import gc
from typing import Final

WHOLE: Final = 1000
"""Times after which everything is looked at again: cycles that have outlived one call and
came loose since would stay for ever otherwise."""


class GarbageCollector:
    """The collector of this process."""

    def __init__(self) -> None:
        self._times = 0

    def tidy(self) -> None:
        """Free what is garbage of the young, and take the rest out of the collector's sight."""
        self._times += 1
        if self._times % WHOLE == 0:
            gc.unfreeze()
        gc.collect()
        gc.freeze()
