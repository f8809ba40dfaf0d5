"""Which clusters each balancer has been given, in this run or an earlier one.

A balancer that cannot tell "no nodes" from "nobody knows" waits for the clusters that its
software may already serve. What it was never given it can do without.
"""

from collections.abc import Iterable, Set
from typing import Final

import msgspec

from lighthouse.balancer import Kind

HandedKey = tuple[str, str]
"""A balancer's name and its plugin: another plugin's software serves nothing of it."""


class Handover(msgspec.Struct, frozen=True):
    """One balancer's clusters, as they are kept on disk."""

    balancer: str
    plugin: str
    clusters: tuple[str, ...]


class HandedClusters:
    """What each balancer was given; one without a record may serve anything.

    ``changes`` counts how often that became something else.
    """

    def __init__(self) -> None:
        self._given: Final[dict[HandedKey, frozenset[str]]] = {}
        self.changes = 0

    def restore(self, handovers: Iterable[Handover]) -> None:
        """Start from what an earlier run has noted."""
        for one in handovers:
            self._given[one.balancer, one.plugin] = frozenset(one.clusters)

    def all(self) -> tuple[Handover, ...]:
        """Everything, to be kept for the next run."""
        return tuple(
            Handover(*key, tuple(sorted(clusters)))
            for key, clusters in sorted(self._given.items())
        )

    def note(self, key: HandedKey, clusters: Set[str], kind: Kind) -> bool:
        """A balancer was given these clusters; return True if that was not known.

        A sync that failed or waits takes nothing back: its software may still serve what it
        was given before.
        """
        before = self._given.get(key)
        if kind in ("failed", "held"):
            if before is None:
                return False
            clusters = before | clusters
        if clusters == before:
            return False
        self._given[key] = frozenset(clusters)
        self.changes += 1
        return True

    def never(self, key: HandedKey, clusters: Set[str]) -> tuple[str, ...]:
        """Those of the clusters that the balancer was certainly never given."""
        given = self._given.get(key)
        return () if given is None else tuple(sorted(clusters - given))
