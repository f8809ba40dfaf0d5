"""Named deadlines; setting one again moves it."""

import heapq
import itertools
import math
from collections.abc import Callable, Hashable
from typing import Final

Act = Callable[[], object]

_ROOM: Final = 16


class Timers:
    """At most one deadline (monotonic seconds) for each name, found without a look at all."""

    def __init__(self) -> None:
        self._due: Final[dict[Hashable, tuple[float, Act]]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []  # with entries that hold no more
        self._looked_at: Final[dict[Hashable, float]] = {}  # the earliest of a name's entries
        self._numbers: Final = itertools.count()

    def set(self, name: Hashable, when: float | None, act: Act) -> None:
        """Call ``act`` once at ``when``; None cancels."""
        if when is None:
            self._due.pop(name, None)
            return
        self._due[name] = (when, act)
        if when < self._looked_at.get(name, math.inf):  # else it moves when that entry comes up
            self._push(name, when)
            if len(self._heap) > 2 * len(self._due) + _ROOM:
                self._tidy()

    def pending(self, name: Hashable) -> bool:
        return name in self._due

    def wait(self, now: float) -> float | None:
        """Seconds until the next deadline, None if there is none."""
        first = self._first()
        return None if first is None else max(0.0, first - now)

    def take(self, now: float) -> list[tuple[Hashable, Act]]:
        """What is due now, by name; each is forgotten with this call."""
        due = []
        while (first := self._first()) is not None and first <= now:
            name = self._pop()
            due.append((name, self._due.pop(name)[1]))
        return due

    def run(self, now: float) -> None:
        """Do what is due now; what it sets is for the next time.

        If one raises, those that were to follow are due again.
        """
        due = self.take(now)
        try:
            while due:
                due.pop(0)[1]()
        finally:
            for name, act in due:
                if name not in self._due:
                    self.set(name, now, act)

    def _first(self) -> float | None:
        """The earliest deadline, once what holds no more is out of its way."""
        while self._heap:
            when, _, name = self._heap[0]
            found = self._due.get(name)
            if found is not None and found[0] == when:
                return when
            self._pop()
            if found is not None and name not in self._looked_at:
                self._push(name, found[0])
        return None

    def _push(self, name: Hashable, when: float) -> None:
        self._looked_at[name] = when
        heapq.heappush(self._heap, (when, next(self._numbers), name))

    def _pop(self) -> Hashable:
        """Take the first entry away; its name."""
        when, _, name = heapq.heappop(self._heap)
        if self._looked_at.get(name) == when:
            del self._looked_at[name]
        return name

    def _tidy(self) -> None:
        self._heap = [(due, next(self._numbers), n) for n, (due, _) in self._due.items()]
        heapq.heapify(self._heap)
        self._looked_at.clear()
        self._looked_at.update((name, due) for name, (due, _) in self._due.items())
