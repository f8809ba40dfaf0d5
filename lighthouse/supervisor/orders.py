"""Takes standing orders about workers, keeps them over restarts, and ends them in time."""

import logging
import math
from typing import Final

from lighthouse.ipc.control import PauseWorker, ResumeWorker, WorkerOrdered
from lighthouse.supervisor.override import Name, Override, Overrides
from lighthouse.supervisor.registrar import LOOK, person
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store
from lighthouse.text import one_line

_PAUSED: Final = "paused"

_log: Final = logging.getLogger("lighthouse.supervisor")


class Orders:
    """Lets a state know what operators want of its workers."""

    def __init__(self, state: State, cache: Store) -> None:
        self._state: Final = state
        self._cache: Final = cache
        self._books: Final[dict[str, Overrides]] = {_PAUSED: state.pauses}
        self._saved: Final[dict[str, tuple[Override, ...]]] = {}

    def restore(self) -> None:
        """Start from what an earlier run left."""
        for record, book in self._books.items():
            orders = self._cache.load(record, tuple[Override, ...]) or ()
            book.restore(orders)
            self._saved[record] = orders

    def settle(self, now: float, wall: float) -> float | None:
        """End what is over; returns when to be asked again at the latest."""
        due: list[float] = []
        for record, book in self._books.items():
            for over in book.pass_time(wall):
                _log.warning("%s: its time is over: not %s any more", _named(over), book.what)
            self._save(record)
            end = book.next_end()
            if end is not None:
                due.append(now + min(max(0.0, end - wall), LOOK))
        return min(due, default=None)

    def pause(self, worker: Name, question: PauseWorker, uid: int, wall: float) -> WorkerOrdered:
        """Have a worker do nothing for a while."""
        by = person(question.by, uid)
        order = Override(worker, wall, one_line(question.reason), question.until, by)
        return self._begin(_PAUSED, order)

    def resume(self, worker: Name, question: ResumeWorker, uid: int) -> WorkerOrdered:
        """Have it go on."""
        return self._end(_PAUSED, worker, person(question.by, uid))

    def _begin(self, record: str, order: Override) -> WorkerOrdered:
        if not order.reason:
            return WorkerOrdered(*order.worker, error="an order needs a reason")
        if order.until is not None and not math.isfinite(order.until):
            return WorkerOrdered(*order.worker, error=f"{order.until} is no time")
        book = self._books[record]
        before = book.of(order.worker)
        book.begin(order)
        changed = book.of(order.worker) != before
        if changed:
            _log.warning("%s: %s", _named(order), book.words(order.worker))
        return self._ordered(record, order.worker, changed)

    def _end(self, record: str, worker: Name, by: str) -> WorkerOrdered:
        book = self._books[record]
        changed = book.end(worker)
        if changed:
            _log.warning("%s: not %s any more, by %s", " ".join(worker), book.what, by)
        return self._ordered(record, worker, changed)

    def _ordered(self, record: str, worker: Name, changed: bool) -> WorkerOrdered:
        warning = "" if self._save(record) else f"{self._cache.error}; a restart forgets it"
        return WorkerOrdered(*worker, changed=changed, warning=warning)

    def _save(self, record: str) -> bool:
        """Return True if it is on disk; tried again later if it is not."""
        orders = self._books[record].all()
        if self._saved.get(record) == orders and not self._cache.lacks(record):
            return True
        if not self._cache.save(record, orders):
            return False
        self._saved[record] = orders
        return True


def _named(order: Override) -> str:
    return " ".join(order.worker)
