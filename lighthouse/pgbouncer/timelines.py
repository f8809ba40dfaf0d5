"""The newest timelines that were seen, so that a worker that starts anew goes back to none."""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Final

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.pgbouncer.note import Note
from lighthouse.primary import NO_TIMELINES, Timelines, newest, system


class TimelineMemory:
    """Of each cluster, in this process and on disk; forgotten when the daemon ends cleanly."""

    def __init__(self, note: Note) -> None:
        self._note: Final = note
        self._known: dict[str, dict[str, int]] | None = None

    def with_those_of(self, clusters: Iterable[Cluster]) -> dict[str, dict[str, int]]:
        """What is known once these clusters were looked at; nothing is remembered yet."""
        known = self._kept()
        found = {}
        for cluster in clusters:
            before = known.get(cluster.name, NO_TIMELINES)
            timelines = newest(own(cluster.nodes, before), before)
            if timelines:
                found[cluster.name] = timelines
        return found

    def take(self, clusters: Iterable[Cluster]) -> dict[str, dict[str, int]]:
        """The same, remembered from now on; raises ``OSError`` if it cannot be written."""
        found = self.with_those_of(clusters)
        if found != self._kept():
            if found:
                self._note.leave(dict(found))
            else:
                self._note.remove()
            self._known = found
        return found

    def forget(self) -> None:
        """A timeline that is lost for good counts no more."""
        self._known = {}
        with contextlib.suppress(OSError):
            self._note.remove()

    def _kept(self) -> dict[str, dict[str, int]]:
        if self._known is None:
            self._known = {
                name: {key: number for key, number in each.items() if isinstance(number, int)}
                for name, each in self._note.read().items()
                if isinstance(each, dict)
            }
        return self._known


def of(known: dict[str, dict[str, int]], cluster: str) -> Timelines:
    """The timelines of one cluster."""
    return known.get(cluster, NO_TIMELINES)


def own(nodes: Sequence[Node], known: Timelines) -> Sequence[Node]:
    """Those that may belong to the database that is known, whose identifier comes first.

    While no identifier is known, that is all of them; one that tells none is never left out.
    """
    if not any(known):
        return nodes
    return [node for node in nodes if not system(node) or system(node) in known]
