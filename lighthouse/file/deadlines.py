"""When which name is due, found without a look at all of them."""

import heapq
from typing import Final


class Deadlines:
    """At most one deadline for each name; setting one again moves it."""

    def __init__(self) -> None:
        self._due: Final[dict[str, float]] = {}
        self._heap: list[tuple[float, str]] = []  # with entries that do not hold any more

    def set(self, name: str, when: float | None) -> None:
        """None: never."""
        if self._due.get(name) == when:
            return
        if when is None:
            del self._due[name]
            return
        self._due[name] = when
        heapq.heappush(self._heap, (when, name))
        if len(self._heap) > 2 * len(self._due) + 16:
            self._heap = [(due, name) for name, due in self._due.items()]
            heapq.heapify(self._heap)

    def first(self) -> float | None:
        """The earliest deadline."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> list[str]:
        """The names that are due; each is forgotten with this call."""
        taken = []
        while (first := self.first()) is not None and first <= now:
            name = heapq.heappop(self._heap)[1]
            del self._due[name]
            taken.append(name)
        return taken
