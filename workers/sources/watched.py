"""Which clusters a discovery plugin watches, made equal to those that are wanted."""

from collections.abc import Callable
from typing import Final

from lighthouse.discovery import Discovery
from lighthouse.ipc.snapshot import WatchedCluster
from lighthouse.workers.sources.reports import Reports

AttemptWatch = Callable[[str, Callable[[], None]], bool]
"""Calls the plugin; returns True if it did what it was asked."""

_UNSURE: Final = -1
"""The reread of a cluster that the plugin failed to start or stop watching."""


class WatchedClusters:
    """What the plugin did not manage is asked of it again."""

    def __init__(self, plugin: Discovery, inbox: Reports, attempt: AttemptWatch) -> None:
        self._plugin: Final = plugin
        self._inbox: Final = inbox
        self._attempt: Final = attempt
        self._rereads: Final[dict[str, int]] = {}  # the newest of each cluster
        self._made: tuple[WatchedCluster, ...] | None = None  # all of it is as wanted

    def forget(self) -> None:
        """The plugin watches nothing of the source that it talks to from now on."""
        self._rereads.clear()
        self._made = None

    def keep(self, wanted: tuple[WatchedCluster, ...]) -> None:
        """Watch exactly these, and read those afresh for which that is asked."""
        if self._made is wanted:
            return
        rereads = {watch.cluster: watch.reread for watch in wanted}
        gone = [self._stop(name) for name in sorted(self._rereads.keys() - rereads)]
        there = [self._start(name, reread) for name, reread in rereads.items()]
        self._made = wanted if all(gone) and all(there) else None

    def _stop(self, cluster: str) -> bool:
        self._rereads[cluster] = _UNSURE
        stop = self._plugin.stop_watching
        done = self._attempt(f"stop_watching {cluster}", lambda: stop(cluster))
        if done:
            del self._rereads[cluster]
        return done

    def _start(self, cluster: str, reread: int) -> bool:
        before = self._rereads.get(cluster, _UNSURE)
        if reread <= before:
            return True
        what, how = "refresh", self._plugin.refresh
        if before == _UNSURE:
            what, how = "start_watching", self._plugin.start_watching
        inbox = self._inbox
        done = self._attempt(f"{what} {cluster}", lambda: inbox.reread(reread, how, cluster))
        self._rereads[cluster] = reread if done else before
        return done
