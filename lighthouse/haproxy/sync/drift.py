"""The periodic comparison of what runs with what should, a slice of the backends at a time."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from lighthouse.balancer import Unreachable, lasting
from lighthouse.haproxy.rendering.stanza import Stanzas
from lighthouse.haproxy.runtime.counters.stats import ServerStats
from lighthouse.haproxy.runtime.instance import Instance
from lighthouse.haproxy.sync.deletion import Retirement
from lighthouse.haproxy.sync.diff import excuse
from lighthouse.haproxy.sync.wanted import WantedClusters

log: Final = logging.getLogger(__name__)

EVERY: Final = 10.0
"""Seconds between full comparisons of the running servers with the wanted ones."""

SHARE: Final = 400
"""At least so many times the last comparison's duration, to cost next to nothing when idle."""

COST: Final = 5e-6
"""Seconds that a server takes to compare, as measured: the first time has to go by it."""

SLICE: Final = 100
"""Servers that are compared in one go, so that a change in between waits for milliseconds."""

PAUSE: Final = 0.02
"""Seconds between the slices of one comparison."""

Repair = Callable[[Instance, Collection[str]], int]


class Drift:
    """Finds what others did to the servers, and has it repaired; ``repaired`` counts it.

    ``summary`` are HAProxy's own figures, ``unreachable`` the servers that its checks find down,
    as of the last whole comparison.
    """

    def __init__(self, wanted: WantedClusters) -> None:
        self._wanted: Final = wanted
        self._ahead: list[str] = []
        self._took = 0.0
        self._since = float("-inf")
        self.due = 0.0
        self.repaired = 0
        self.summary: dict[str, Any] = {}
        self._figures: Final = ServerStats()
        self.unreachable: tuple[Unreachable, ...] = ()
        self._retirement: Final = Retirement()

    @property
    def deleted(self) -> int:
        """How many servers that had left were deleted."""
        return self._retirement.deleted

    def postpone(self, took: float) -> None:
        """Another worker, all of whose servers have just been read, in ``took`` seconds."""
        self._since = time.monotonic()
        self.due = self._since + max(EVERY, SHARE * took)
        self._ahead = []
        self._retirement.forget()

    def is_at_end(self) -> bool:
        """Return True if the last slice was the last of its comparison."""
        return not self._ahead

    def step(self, instance: Instance, owned: Stanzas, repair: Repair) -> int:
        """Read the next slice afresh and repair what others changed there; the repairs.

        ``owned`` is what the instance has of us.
        """
        began = time.monotonic()
        if not self._ahead:
            pause = SHARE * COST * sum(map(len, instance.live.values()))
            if pause > EVERY and began < self._since + pause:
                self.due = self._since + pause
                return 0
            self._ahead = sorted(owned.keys() & instance.live.keys(), reverse=True)
            self._figures.keep(self._ahead)
            self._took = 0.0
        names = self._slice(instance, owned)
        for name, text in zip(names, instance.refresh(names), strict=True):
            self._figures.take(name, text)
        backends = []
        for name in names:
            if name in self._wanted.stanzas:
                stanza = owned[name]
                wanted = self._wanted.servers(stanza, instance.live)
                instance.live[name] = excuse(stanza, wanted, instance.live[name])
                backends.append((stanza, wanted))
        steps = repair(instance, names)
        if steps:
            self.repaired += steps
            log.warning("HAProxy was not as it should be; %d repairs", steps)
        self._retirement.step(instance, backends)
        if not self._ahead:
            self.summary = self._figures.summary()
            self._notice()
        now = time.monotonic()
        self._took += now - began
        self.due = now + (PAUSE if self._ahead else max(EVERY, SHARE * self._took))
        return steps

    def _notice(self) -> None:
        self.unreachable = lasting(self.unreachable, self._figures.down(time.time()))

    def _slice(self, instance: Instance, owned: Stanzas) -> Sequence[str]:
        names, servers = list[str](), 0
        both = owned.keys() & instance.live.keys()
        while self._ahead and servers < SLICE:
            name = self._ahead.pop()
            if name in both:
                names.append(name)
                servers += 1 + len(instance.live[name])
        return names
