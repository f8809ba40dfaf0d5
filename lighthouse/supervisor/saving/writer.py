"""Has what is worth keeping written to disk, a little at a time, after it has changed."""

import time
from typing import Final

from lighthouse.daemon.last_settings import LastSettings
from lighthouse.process.reserve import DescriptorReserve
from lighthouse.process.timing.timers import Timers
from lighthouse.supervisor.config_reload import ConfigReload
from lighthouse.supervisor.saving.persistence import DELAY, SLICE, Persistence


class Saving:
    """Changes are collected for a moment, and written in slices."""

    def __init__(
        self,
        timers: Timers,
        reserve: DescriptorReserve,
        config: ConfigReload,
        persistence: Persistence,
        settings: LastSettings,
    ) -> None:
        self._timers: Final = timers
        self._reserve: Final = reserve
        self._config: Final = config
        self._persistence: Final = persistence
        self._settings: Final = settings

    def later(self, delay: float = DELAY) -> None:
        """Something has changed."""
        if not self._timers.pending("save"):
            self._timers.set("save", time.monotonic() + delay, self._save)

    def finish(self) -> None:
        """Write what is left, however long it takes."""
        self._persistence.save(self._config.tree)

    def _save(self) -> None:
        tree = self._config.tree
        with self._reserve.lent():
            self._settings.remember(tree.texts, tree.config.daemon, time.monotonic())
            later = self._persistence.save(tree, SLICE)
        if later is not None:
            self.later(later)
