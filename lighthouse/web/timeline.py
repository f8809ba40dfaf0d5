"""The versions that balancers have applied, as they are seen from one document to the next."""

import itertools
from collections import deque
from typing import Any, Final

from lighthouse.daemon.status_document import NodeStatus, StatusDocument
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.web.history import means

KEPT: Final = 200
"""So many are remembered."""

_NAMED: Final = 5
"""Nodes of one cluster, and clusters of one change, that are named."""

Row = dict[str, Any]
Nodes = tuple[NodeStatus, ...]


class Timeline:
    """``rows`` has the newest last, each by its number."""

    def __init__(self) -> None:
        self.rows: Final[deque[tuple[str, Row]]] = deque(maxlen=KEPT)
        self._numbers: Final = itertools.count(1)
        self._before: dict[str, WorkerStatus] = {}
        self._causes: dict[str, dict[str, str]] = {}  # of each balancer, not told yet

    def moved(self, cluster: str, before: Nodes, now: Nodes) -> None:
        """The nodes of a cluster are others than in the document before."""
        words = difference(before, now)
        for causes in self._causes.values():
            causes[cluster] = words

    def take(self, document: StatusDocument) -> None:
        """See what balancers have applied since the document before."""
        balancers = {one.name: one for one in document.workers if one.kind == "balancer"}
        for name, worker in balancers.items():
            before = self._before.get(name)
            causes = self._causes.setdefault(name, {})
            applied = worker.snapshot.applied
            if before is not None and applied and applied != before.snapshot.applied:
                self.rows.append((str(next(self._numbers)), _row(before, worker, causes)))
                self._causes[name] = {}
        self._before = balancers
        self._causes = {name: self._causes[name] for name in balancers}


def difference(before: Nodes, now: Nodes) -> str:
    """Which nodes came, went, or are another, in a few words."""
    old, new = ({node.name: node for node in nodes} for nodes in (before, now))
    told = [
        *(f"+{name}" for name in new if name not in old),
        *(f"−{name}" for name in old if name not in new),  # noqa: RUF001
        *(name for name, node in new.items() if name in old and old[name] != node),
    ]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more


def _row(before: WorkerStatus, worker: WorkerStatus, causes: dict[str, str]) -> Row:
    clusters = [{"cluster": name, "nodes": words} for name, words in causes.items()]
    reloads = worker.status.get("reloads"), before.status.get("reloads")
    known = all(isinstance(count, int) for count in reloads)
    return {
        "balancer": worker.name,
        "version": worker.snapshot.applied,
        "at": worker.snapshot.applied_at,
        "outcome": worker.snapshot.outcome,
        "clusters": clusters[:_NAMED],
        "more": max(0, len(clusters) - _NAMED),
        "reloaded": reloads[0] != reloads[1] if known else None,
        "ms": means(before, worker),
    }
