"""When each probe has something to do: what is due costs its own, however many there are."""

import heapq
import itertools
from collections.abc import Iterator
from typing import Final

from lighthouse.workers.probes.probe import Probing


class ProbeSchedule:
    """A queue of moments; one that does not hold any more is passed over.

    A probe has one moment at a time. It is planned again whenever that may have changed.
    """

    def __init__(self) -> None:
        self._queue: Final[list[tuple[float, int, Probing]]] = []
        self._planned: Final[dict[Probing, float]] = {}
        self._count: Final = itertools.count()

    def plan(self, probing: Probing) -> None:
        """Note when the probe is due next."""
        at = probing.next_at()
        if self._planned.get(probing) != at:
            self._planned[probing] = at
            heapq.heappush(self._queue, (at, next(self._count), probing))

    def drop(self, probing: Probing) -> None:
        """The probe is no more."""
        self._planned.pop(probing, None)

    def take(self, now: float) -> Iterator[Probing]:
        """The probes that are due; each is to be planned again."""
        while self.next_at() <= now:
            _, _, probing = heapq.heappop(self._queue)
            del self._planned[probing]
            yield probing

    def next_at(self) -> float:
        """When the first probe is due."""
        while self._queue:
            at, _, probing = self._queue[0]
            if self._planned.get(probing) == at:
                return at
            heapq.heappop(self._queue)
        return float("inf")
