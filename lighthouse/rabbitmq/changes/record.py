"""The ledger of one worker: on disk before anything is done that it tells of."""

import time
from collections.abc import Collection
from typing import Final

import msgspec

from lighthouse.balancer import Kind
from lighthouse.rabbitmq.changes.ledger import Ledger, LedgerFile, advance
from lighthouse.rabbitmq.control import ControlAnswer


def kind_of_refusal(answer: ControlAnswer) -> Kind:
    """How a sync ends whose act the cluster did not perform: what may pass is waited for."""
    return "held" if answer.condition in ("minority", "slow") else "degraded"


class Record:
    """Counts absences while fresh snapshots are in force, and keeps what must not be lost."""

    def __init__(self, path: str) -> None:
        self._file: Final = LedgerFile(path)
        self._loaded: Ledger | None = None
        self._saved = Ledger()
        self._seen: frozenset[str] | None = None
        self._since: float | None = None

    @property
    def ledger(self) -> Ledger:
        """What is known now. Raises ``OSError`` if it cannot be read."""
        if self._loaded is None:
            self._saved = self._file.load()
            self._loaded = self._saved.resumed(time.time())
        return self._loaded

    def keep(self, ledger: Ledger) -> None:
        """Have it on disk. Raises ``OSError``, with the former one in force."""
        counted_at = time.time() if ledger.absent else 0.0
        counted = msgspec.structs.replace(ledger, counted_at=counted_at)
        self._file.save(counted)
        self._loaded = self._saved = counted

    def save(self) -> None:
        """Have on disk what was counted since. Raises ``OSError``."""
        if self._loaded is not None and (self._loaded.absent or self._loaded != self._saved):
            self.keep(self._loaded)

    def count(self, names: Collection[str]) -> None:
        """The snapshot that was told last was in force until now. Raises ``OSError``."""
        now, since = time.monotonic(), self._since
        self._since = now
        if since is not None:
            absent = advance(self.ledger.absent, now - since, self._seen, names)
            self._loaded = msgspec.structs.replace(self.ledger, absent=absent)

    def see(self, seen: frozenset[str] | None) -> None:
        """From now on this is the snapshot; None: one that is not fresh."""
        self._seen = seen
