"""What a discovery plugin reports, from whatever thread, on its way into the loop."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from lighthouse.discovery import Connection, OnConnection, OnReading, Reading
from lighthouse.process.wakeup import Wakeup


class Arrival(msgspec.Struct, frozen=True):
    """A reading, when it was taken (monotonic), and the reread that it answers."""

    reading: Reading
    observed_at: float
    reread: int


class Reports:
    """Keeps the newest reading of each cluster and every change of the connection."""

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup: Final = wakeup
        self._lock: Final = threading.Lock()
        self._arrivals: dict[str, Arrival] = {}
        self._states: list[tuple[Connection, str]] = []
        self._odd: list[str] = []  # what readings were reported of that can be no cluster
        self._answers: Final[dict[str, int]] = {}  # the reread that a cluster's readings answer
        self._asking: tuple[str, int] | None = None  # by a call that has not returned
        self._generation = 0
        self._attended_by = 0  # the thread that will drain without being woken
        self._began: float | None = None

    def open(self) -> tuple[OnReading, OnConnection]:
        """Callbacks for a new connection; those given out before fall silent."""
        with self._lock:
            self._generation += 1
            self._arrivals.clear()
            self._states.clear()
            generation = self._generation

        def on_reading(cluster: str, reading: Reading) -> None:
            self._put_reading(generation, cluster, reading)

        def on_connection(state: Connection, reason: str = "") -> None:
            self._put_state(generation, state, reason)

        return on_reading, on_connection

    @contextlib.contextmanager
    def attended(self, began: float | None = None) -> Iterator[None]:
        """While the loop's own thread runs plugin code, after which it drains anyway.

        ``began`` is when the change was noticed that this code is going to read.
        """
        self._attended_by, self._began = threading.get_ident(), began
        try:
            yield
        finally:
            self._attended_by, self._began = 0, None

    def reread(self, number: int, how: Callable[[str], None], cluster: str) -> None:
        """Call ``how`` to have the cluster read afresh, under this number.

        What the call itself reports answers it, and everything after it. What another thread
        reports meanwhile may have been read before, and what a call reports that fails is not
        what was asked for.
        """
        before = self._answers.get(cluster, 0)
        self._asking = cluster, number
        answer = before
        try:
            how(cluster)
            answer = number
        finally:
            with self._lock:
                self._asking = None
                self._answers[cluster] = answer
                arrived = self._arrivals.get(cluster)
                if arrived is not None and arrived.reread > answer:
                    self._arrivals[cluster] = msgspec.structs.replace(arrived, reread=answer)

    def drain(self) -> tuple[dict[str, Arrival], list[tuple[Connection, str]], list[str]]:
        """Everything that arrived since the last time; last what was no report, in words."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, {}
            states, self._states = self._states, []
            odd, self._odd = self._odd, []
        return arrivals, states, odd

    def _put_reading(self, generation: int, cluster: str, reading: Reading) -> None:
        own = threading.get_ident() == self._attended_by
        began = self._began if own else None
        observed_at = time.monotonic() if began is None else began
        with self._lock:
            if generation != self._generation:
                return
            if not isinstance(cluster, str):
                self._odd = [f"on_reading was given {cluster!r:.60} as the cluster"]
            else:
                if own and self._asking is not None and self._asking[0] == cluster:
                    self._answers[cluster] = self._asking[1]
                answer = self._answers.get(cluster, 0)
                self._arrivals[cluster] = Arrival(reading, observed_at, answer)
        if not own:
            self._wakeup.set()

    def _put_state(self, generation: int, state: Connection, reason: str) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._states.append((state, reason))
        if threading.get_ident() != self._attended_by:
            self._wakeup.set()
