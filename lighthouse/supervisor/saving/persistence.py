"""When and what of the state goes to disk, and what comes back at the next start."""

import math
import time
from collections.abc import Mapping
from typing import Final

from lighthouse.config.tree import Tree
from lighthouse.membership.memberships import Memberships
from lighthouse.supervisor.handed import Handover
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import GOOD, SavedCluster, Store

_HANDED: Final = "handed"

DELAY: Final = 0.2
"""Seconds that changes are collected before they are saved."""


SLICE: Final = 0.01
"""Seconds for which clusters are written before the loop gets its turn."""

SEEN: Final = 10.0
"""Seconds between two notes of which discoveries are there."""


class Persistence:
    """Keeps a cache true to a state; remembers which clusters changed since."""

    def __init__(self, cache: Store, state: State) -> None:
        self._cache: Final = cache
        self._state: Final = state
        self._dirty: Final[set[str]] = set()
        self._good = (dict[str, bytes](), dict[tuple[str, ...], object]())
        self._judged: tuple[Mapping[str, bytes], int] | None = None  # what that was made of
        self._handed: tuple[Handover, ...] = ()
        self._noted = -1  # the changes of what was handed over up to then
        self._seen: Final[dict[str, float]] = {}

    def problems(self) -> list[str]:
        """Why nothing can be saved, and what could not be used and was not yet replaced."""
        found = [self._cache.error] if self._cache.error else []
        for path, reason in sorted(self._cache.problems.items()):
            found.append(f"{path} is not used until it is written anew: {reason}")
        return found

    def restore(self) -> None:
        """Start the clusters from what an earlier run last knew of them.

        What it knew of clusters that are no more is forgotten: their source may have been there
        ever since, and would make a reading look fresh that nobody has renewed.
        """
        self._seen.update(self._cache.seen())
        clusters = self._cache.clusters()
        self._dirty.update(clusters.keys() - self._state.config.clusters.keys())
        recall(self._state.memberships, clusters, self._seen, time.time())
        self._handed = handovers(self._cache)
        self._state.handed.restore(self._handed)

    def see(self) -> None:
        """Write down which discoveries are there now, for the age of what is remembered."""
        present = self._state.memberships.connections.present()
        if present:
            self._seen.update(dict.fromkeys(present, time.time()))
            known = self._state.memberships.discoveries | self._state.config.discovery.keys()
            for gone in self._seen.keys() - known:
                del self._seen[gone]
            self._cache.save_seen(self._seen)

    def note(self, *clusters: str) -> None:
        """These clusters were read, and differ from what is saved."""
        self._dirty.update(clusters)

    def save(self, tree: Tree, within: float = math.inf) -> float | None:
        """Write what has changed, for ``within`` seconds.

        Returns in how many seconds to go on, for more is left or could not be written.
        """
        until = time.monotonic() + within
        if not self._save_handed() or not self._save_good(tree):
            return SEEN
        while self._dirty and time.monotonic() < until:
            name = self._dirty.pop()
            if not self._save_cluster(name):
                self._dirty.add(name)
                return SEEN
        return 0.0 if self._dirty else None

    def _save_handed(self) -> bool:
        changes, lacks = self._state.handed.changes, self._cache.lacks(_HANDED)
        if changes == self._noted and not lacks:
            return True
        handed = self._state.handed.all()
        if handed != self._handed or lacks:
            if not self._cache.save(_HANDED, handed):
                return False
            self._handed = handed
        self._noted = changes
        return True

    def _save_good(self, tree: Tree) -> bool:
        texts, changes, before = tree.texts, self._state.verdicts.changes, self._judged
        lacks = self._cache.lacks(GOOD)
        if before is not None and before[0] is texts and before[1] == changes and not lacks:
            return True
        good = (dict(texts), dict[tuple[str, ...], object](self._state.verdicts.accepted()))
        if good != self._good or lacks:
            if not self._cache.save_good(*good):
                return False
            self._good = good
        self._judged = (texts, changes)
        return True

    def _save_cluster(self, name: str) -> bool:
        memberships = self._state.memberships
        read_at = memberships.read_at(name) if name in memberships.clusters else None
        if read_at is None:
            self._cache.forget_cluster(name)
            return True
        looked_up = memberships.clusters[name].looked_up
        saved = SavedCluster(memberships.readings(name), read_at, looked_up)
        return self._cache.save_cluster(name, saved)


def handovers(cache: Store) -> tuple[Handover, ...]:
    """Which clusters each balancer was given in earlier runs."""
    return cache.load(_HANDED, tuple[Handover, ...]) or ()


def recall(
    memberships: Memberships,
    clusters: Mapping[str, SavedCluster],
    seen: Mapping[str, float],
    now: float,
) -> None:
    """Let memberships start from what is remembered; ``now`` is wall-clock seconds.

    A reading is as old as its source's absence: one that has not changed for days is fresh
    if the source was there a moment ago.
    """
    for name, remembered in clusters.items():
        read_at = remembered.read_at
        ages = {d: max(0.0, now - max(read_at, seen.get(d, 0.0))) for d in remembered.readings}
        memberships.remember(name, remembered.readings, read_at, ages, remembered.looked_up)
