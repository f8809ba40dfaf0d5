"""Counts of what was done, for operators and tests."""

import threading
from collections import Counter
from typing import Final, Literal, get_args

What = Literal[
    "reads",
    "probes",
    "writes",
    "events",
    "relists",
    "audits",
    "repaired",
    "reconnects",
    "restored",
]


class EtcdCounts:
    """May be added to from any thread."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._counts: Final[Counter[str]] = Counter()

    def add(self, what: What, number: int = 1) -> None:
        with self._lock:
            self._counts[what] += number

    def all(self) -> dict[str, int]:
        """All of them, those that are 0 included."""
        with self._lock:
            return {what: self._counts[what] for what in get_args(What)}
