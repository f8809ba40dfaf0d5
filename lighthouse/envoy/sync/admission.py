"""Which clusters Envoy is given: no more than it can watch, for with one more it ends itself."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from lighthouse.envoy.runtime import room
from lighthouse.envoy.sync.wanted import ProxiedCluster

Pids = Callable[[], frozenset[int]]
"""All our Envoys."""


class Admission:
    """``left_out`` says of each cluster that was not admitted last why that is."""

    def __init__(self, pids: Pids) -> None:
        self._pids: Final = pids
        self._room: Final = room.WatcherRoom()
        self.left_out: dict[str, str] = {}

    def admitted(
        self, found: Mapping[str, ProxiedCluster], served: Collection[str], fresh: bool = False
    ) -> dict[str, ProxiedCluster]:
        """As many of the clusters as fit, those first that are ``served``.

        ``fresh``: Envoy is about to be started, and watches none yet.
        """
        self.left_out = {}
        grown = found.keys() - served
        if not (grown or fresh) or room.is_ample(len(found)):
            return dict(found)
        most = self._room.for_clusters(self._pids)
        first = sorted(found, key=lambda name: (name not in served, name))
        self.left_out = {
            name: f"Envoy can watch {most} clusters here, and ends itself with one more: this one "
            f"is left out until the kernel allows more: {room.remedy()}"
            for name in first[most:]
        }
        return {name: one for name, one in found.items() if name not in self.left_out}

    def fits_twice(self, clusters: int) -> bool:
        """Return True if two Envoys can watch so many clusters each, one beside the other."""
        both = 2 * clusters
        return room.is_ample(both) or self._room.for_clusters(self._pids) >= both
