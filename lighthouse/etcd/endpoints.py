"""Which endpoint to try, when, and what each of them said."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from lighthouse.etcd.errors import Trouble
from lighthouse.etcd.settings import Endpoint

PROMPT: Final = 10.0
"""Seconds of an outage in which to look again at once; it is mostly over by then."""

_SOON: Final = (0.02, 0.07)
_LATER: Final = (0.1, 0.3)
_PATIENT: Final = (0.5, 5.0)

Jitter = Callable[[float, float], float]


class Endpoints:
    """Goes round them, beginning anywhere, so that a fleet spreads over the members.

    A round in which every endpoint failed is followed by a pause: a short one while they are
    only away, for what has been away comes back for all at once; a growing one where somebody
    has to change something first. Only one thread calls.
    """

    def __init__(self, endpoints: Sequence[Endpoint], jitter: Jitter = random.uniform) -> None:
        self._endpoints: Final = random.sample(list(endpoints), len(endpoints))
        self._jitter: Final = jitter
        self._next = 0
        self._faults: dict[Endpoint, Trouble] = {}
        self._since = 0  # the last pause
        self._rounds = 0
        self._began: float | None = None

    @property
    def current(self) -> Endpoint:
        return self._endpoints[self._next]

    def good(self) -> None:
        """The current one serves."""
        self._faults.clear()
        self._since, self._rounds, self._began = 0, 0, None

    def move_on(self) -> None:
        """The current one has served and does no longer: the next one, at once."""
        self._next = (self._next + 1) % len(self._endpoints)

    def failed(self, fault: Trouble) -> float:
        """The current one does not; seconds to wait before the next one is tried."""
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        self._faults[self.current] = fault
        self._since += 1
        self.move_on()
        if self._since < len(self._endpoints):
            return 0.0
        self._since = 0
        self._rounds += 1
        if all(fault.patient for fault in self._faults.values()):
            low, high = _PATIENT
            return self._jitter(low, min(high, low * 2 ** min(self._rounds, 5)))
        return self._jitter(*(_SOON if now - self._began < PROMPT else _LATER))

    @property
    def exhausted(self) -> bool:
        """Return True if every endpoint has failed since the last good one."""
        return len(self._faults) == len(self._endpoints)

    def reason(self) -> str:
        """What each of them said; what they have in common once."""
        told: dict[str, list[str]] = {}
        for endpoint, fault in self._faults.items():
            told.setdefault(str(fault), []).append(str(endpoint))
        return "; ".join(f"{', '.join(names)}: {fault}" for fault, names in told.items())
