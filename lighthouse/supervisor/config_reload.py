"""Follows the config tree: what has changed in it is read a little in each turn of the loop."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lighthouse.config.tree import Tree
from lighthouse.config.watch import ConfigWatch
from lighthouse.distribution.installed import Installed
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.supervisor.loop.event_loop import EventLoop

POLL: Final = 30.0
"""Seconds between looks at the config tree behind inotify's back."""

QUIET: Final = 0.1
"""Seconds without a change in the config tree before it is read."""

PATIENCE: Final = 1.0
"""Seconds after which a config tree that never falls quiet is read all the same."""

SLICE: Final = 0.01
"""Seconds for which files are read in one turn."""


class ConfigReload:
    """``tree`` is the one in force; ``taken`` is called when it says something else."""

    def __init__(
        self,
        root: Path,
        tree: Tree,
        loop: EventLoop,
        reserve: DescriptorReserve,
        taken: Callable[[], None],
    ) -> None:
        self.tree = tree
        self._root: Final = root
        self._loop: Final = loop
        self._reserve: Final = reserve
        self._taken: Final = taken
        self._watch: Final = ConfigWatch(root)
        self._next = tree
        self._reading: Iterator[bool | None] = iter(())
        self._untaken = False
        self._restless_since: float | None = None
        loop.watch(self._watch, "a change of the config tree", self._stirred)
        loop.every("poll", POLL, self.read)

    def reading(self) -> bool:
        """Return True while changed files are being read."""
        return self._loop.timers.pending("reading")

    def read(self) -> None:
        """Begin to read what has changed; if that is going on, anew."""
        self._restless_since = None
        with self._reserve.lent():
            self._watch.rearm()
        self._reading = self._next.read()
        self._go_on()

    def judge(self, installed: Installed) -> None:
        """Read all of it as if for the first time, for other plugins are installed."""
        self._next = Tree(self._root, installed, self.tree.texts)
        self.read()

    def close(self) -> None:
        self._loop.forget(self._watch)
        self._watch.close()

    def _stirred(self) -> None:
        """Something happened in the config tree: read it once it has fallen quiet."""
        if self._watch.drain():
            now = time.monotonic()
            self._restless_since = self._restless_since or now
            due = min(now + QUIET, self._restless_since + PATIENCE)
            self._loop.timers.set("config", due, self.read)

    def _go_on(self) -> None:
        until = time.monotonic() + SLICE
        with self._reserve.lent():
            for changed in self._reading:
                if changed is not None:
                    self._end(changed)
                    return
                if time.monotonic() >= until:
                    self._loop.timers.set("reading", time.monotonic(), self._go_on)
                    return
        self.read()  # it broke off

    def _end(self, changed: bool) -> None:
        self._untaken = self._untaken or changed or self._next is not self.tree
        self.tree = self._next
        self._loop.timers.set("reading", None, self._go_on)
        if self._untaken:
            self._taken()
            self._untaken = False
