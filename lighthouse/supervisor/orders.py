"""Takes standing orders about workers, keeps them over restarts, and ends them in time."""

import logging
import math
from typing import Final

import msgspec

from lighthouse.ipc.control import (
    PauseWorker,
    PinBalancer,
    ResumeWorker,
    UnpinBalancer,
    WorkerOrdered,
)
from lighthouse.supervisor.chronicle import Chronicle
from lighthouse.supervisor.history.pins import PinnedSnapshot
from lighthouse.supervisor.registrar import LOOK, person
from lighthouse.supervisor.standing_order import Name, StandingOrder, StandingOrders
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store
from lighthouse.text import one_line

_PAUSED: Final = "paused"
_PINNED: Final = "pinned"
_SNAPSHOTS: Final = "pinned-snapshots"

_log: Final = logging.getLogger("lighthouse.supervisor")


class Orders:
    """Lets a state know what operators want of its workers."""

    def __init__(self, state: State, cache: Store) -> None:
        self._state: Final = state
        self._cache: Final = cache
        self.chronicle: Final = Chronicle(state, cache)
        pins = state.pins.orders
        self._books: Final[dict[str, StandingOrders]] = {_PAUSED: state.pauses, _PINNED: pins}
        self._saved: Final[dict[str, tuple[StandingOrder, ...]]] = {}

    def restore(self) -> None:
        """Start from what an earlier run left."""
        for record, book in self._books.items():
            orders = self._cache.load(record, tuple[StandingOrder, ...]) or ()
            book.restore(orders)
            self._saved[record] = orders
        pinned = self._cache.load(_SNAPSHOTS, tuple[PinnedSnapshot, ...])
        self._state.pins.restore(pinned or ())
        self.chronicle.restore()

    @property
    def newest_version(self) -> int:
        """The greatest number of a version that is known of."""
        pinned = [order.version for order in self._state.pins.orders.all()]
        return max(self.chronicle.recorder.newest, *pinned, 0)

    def settle(self, now: float, wall: float, otherwise: float | None) -> float | None:
        """End what is over; returns when to be asked again: ``otherwise``, or before that."""
        due = [] if otherwise is None else [otherwise]
        for record, book in self._books.items():
            for over in book.pass_time(wall):
                self.chronicle.ordered(over.worker[1], f"no longer {book.what}")
                _log.warning("%s: its time is over: not %s any more", _named(over), book.what)
            self._save(record)
            end = book.next_end()
            if end is not None:
                due.append(now + min(max(0.0, end - wall), LOOK))
        return min(due, default=None)

    def pause(self, worker: Name, question: PauseWorker, uid: int, wall: float) -> WorkerOrdered:
        """Have a worker do nothing for a while."""
        by = person(question.by, uid)
        order = StandingOrder(worker, wall, one_line(question.reason), question.until, by)
        return self._begin(_PAUSED, order)

    def resume(self, worker: Name, question: ResumeWorker, uid: int) -> WorkerOrdered:
        """Have it go on."""
        return self._end(_PAUSED, worker, person(question.by, uid))

    def pin(self, worker: Name, question: PinBalancer, uid: int, wall: float) -> WorkerOrdered:
        """Have a balancer serve a version that it has served before."""
        version = self.chronicle.recorder.find(worker[1], question.version)
        file = self._state.config.balancers.get(worker[1])
        if version is None:
            known = [each.number for each in self.chronicle.recorder.of(worker[1])]
            there = f"there are {known[0]} to {known[-1]}" if known else "there is none yet"
            error = f"no version {question.version} of balancer {worker[1]}: {there}"
            return WorkerOrdered(*worker, error=error)
        if file is None or file.plugin != version.plugin:
            error = f"version {version.number} was of the plugin {version.plugin}"
            return WorkerOrdered(*worker, error=error)
        by = person(question.by, uid)
        reason = one_line(question.reason)
        order = StandingOrder(worker, wall, reason, question.until, by, version.number)
        if problem := _problem(order):
            return WorkerOrdered(*worker, error=problem)
        self._state.pins.keep(order, version.plugin, version.snapshot)
        saved = self._cache.save(_SNAPSHOTS, self._state.pins.saved(order))
        self.chronicle.ordered(worker[1], f"pinned to version {version.number} by {by}")
        answer = msgspec.structs.replace(self._begin(_PINNED, order), version=version.number)
        if saved or answer.warning:
            return answer
        return msgspec.structs.replace(answer, warning=self._forgetful)

    def unpin(self, worker: Name, question: UnpinBalancer, uid: int) -> WorkerOrdered:
        """Have it follow again what is known."""
        by = person(question.by, uid)
        if self._state.pins.orders.of(worker) is not None:
            self.chronicle.ordered(worker[1], f"unpinned by {by}")
        return self._end(_PINNED, worker, by)

    def _begin(self, record: str, order: StandingOrder) -> WorkerOrdered:
        if problem := _problem(order):
            return WorkerOrdered(*order.worker, error=problem)
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
        warning = "" if self._save(record) else self._forgetful
        return WorkerOrdered(*worker, changed=changed, warning=warning)

    @property
    def _forgetful(self) -> str:
        return f"{self._cache.error}; a restart forgets it"

    def _save(self, record: str) -> bool:
        """Return True if it is on disk; tried again later if it is not."""
        orders = self._books[record].all()
        if self._saved.get(record) == orders and not self._cache.lacks(record):
            return True
        if not self._cache.save(record, orders):
            return False
        self._saved[record] = orders
        return True


def _problem(order: StandingOrder) -> str:
    """Why an order cannot be taken, empty if it can."""
    if not order.reason:
        return "an order needs a reason"
    if order.until is not None and not math.isfinite(order.until):
        return f"{order.until} is no time"
    return ""


def _named(order: StandingOrder) -> str:
    return " ".join(order.worker)
