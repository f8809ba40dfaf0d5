"""When and what of the state goes to disk, and what comes back at the next start."""

from typing import Final

from lighthouse.config.tree import Tree
from lighthouse.supervisor.cache import Cache, Remembered
from lighthouse.supervisor.state import State

DELAY: Final = 0.2
"""Seconds that changes are collected before they are saved."""


class Archive:
    """Keeps a cache true to a state; remembers which clusters changed since."""

    def __init__(self, cache: Cache, state: State) -> None:
        self._cache: Final = cache
        self._state: Final = state
        self._dirty: Final[set[str]] = set()
        self._good = (dict[str, bytes](), dict[tuple[str, ...], object]())

    @property
    def error(self) -> str:
        """Why nothing can be saved, empty if it can."""
        return self._cache.error

    def restore(self) -> None:
        """Start the clusters from what an earlier run last knew of them."""
        for name, remembered in self._cache.clusters().items():
            self._state.memberships.remember(name, remembered.readings, remembered.read_at)

    def note(self, cluster: str) -> None:
        """A cluster was read, and differs from what is saved."""
        self._dirty.add(cluster)

    def save(self, tree: Tree) -> None:
        """Write what has changed."""
        memberships = self._state.memberships
        for name in self._dirty:
            read_at = memberships.read_at(name) if name in memberships.clusters else None
            if read_at is None:
                self._cache.forget_cluster(name)
            else:
                self._cache.save_cluster(name, Remembered(memberships.readings(name), read_at))
        self._dirty.clear()
        good = (dict(tree.texts), dict[tuple[str, ...], object](self._state.ledger.accepted()))
        if good != self._good:
            self._cache.save_good(*good)
            self._good = good
