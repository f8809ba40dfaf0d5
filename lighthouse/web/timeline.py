"""The versions that balancers have applied: what the history says of them, and their stages."""

from typing import Any, Final

from lighthouse.daemon.history_document import (
    ClusterChange,
    HistoryDocument,
    TriggerStatus,
    VersionStatus,
)
from lighthouse.daemon.status_document import StatusDocument
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.web.history import means

KEPT: Final = 200
"""So many are remembered."""

_CLUSTERS: Final = 8
_NODES: Final = 6
_DIFF: Final = 4000
"""Clusters of one version that are told, nodes of one cluster, characters of a diff."""

Row = dict[str, Any]


class Timeline:
    """``rows`` has the oldest first, each by its balancer and version."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._before: dict[str, WorkerStatus] | None = None
        self._split: dict[str, dict[str, float]] = {}  # of each version that was seen to come

    def take(self, document: StatusDocument) -> bool:
        """Return True if a balancer has applied something that the history has to be asked for."""
        now = {one.name: one for one in document.workers if one.kind == "balancer"}
        before, self._before = self._before or {}, now
        news = False
        for name, worker in now.items():
            old = before.get(name)
            if worker.snapshot.applied and (old is None or _said(old) != _said(worker)):
                news = True
                if old is not None:
                    self._split[_key(name, worker.snapshot.applied)] = means(old, worker)
        return news

    def tell(self, history: HistoryDocument) -> None:
        """Add what the daemon's history says."""
        for found in history.balancers:
            for version in reversed(found.versions):
                key = _key(found.balancer, version.version)
                split = self._split.get(key) or self.rows.get(key, {}).get("split", {})
                self.rows[key] = row(found.balancer, version, split)
        newest = sorted(self.rows.items(), key=lambda item: item[1]["at"])[-KEPT:]
        self.rows = dict(newest)
        self._split = {}


def _said(worker: WorkerStatus) -> tuple[int | None, float | None]:
    """What it applied last, and when it said so."""
    return worker.snapshot.applied, worker.snapshot.applied_at


def row(balancer: str, version: VersionStatus, split: dict[str, float]) -> Row:
    """One version; ``split`` are milliseconds by stage, as far as they were measured."""
    return {
        "balancer": balancer,
        "version": version.version,
        "at": version.applied_at,
        "outcome": version.outcome,
        "reason": version.reason,
        "took": version.duration_ms,
        "reloads": version.reloads,
        "causes": [cause(one) for one in version.triggers],
        "more_causes": version.more_triggers,
        "first": version.first,
        "clusters": [
            {"cluster": one.cluster, "words": difference(one), "section": one.section[:_DIFF]}
            for one in version.changes[:_CLUSTERS]
        ],
        "more": len(version.changes[_CLUSTERS:]) + version.more_clusters,
        "settings": version.settings[:_DIFF],
        "split": split,
    }


def cause(one: TriggerStatus) -> str:
    """Why there was a new version, in words."""
    match one.kind:
        case "observed":
            return f"{one.discovery} saw {one.name} changing (trace {one.trace})"
        case "file":
            return f"file {one.name}"
        case "start":
            return "the start of the daemon"
        case "order":
            return "an operator's order"
    return "a hold or a patience was over"


def difference(change: ClusterChange) -> str:
    """What is another with a cluster, in a few words."""
    told = [
        *(f"+{name}" for name in change.added),
        *(f"−{name}" for name in change.removed),  # noqa: RUF001
        *(f"{one.node} ({one.what})" for one in change.changed),
    ]
    more = len(told[_NODES:]) + change.unnamed
    words = [*told[:_NODES], f"{more} more" if more else "", change.known]
    if change.kind != "changed":
        words.insert(0, change.kind)
    if change.section:
        words.append("its section is another")
    return ", ".join(filter(None, words))


def _key(balancer: str, version: int) -> str:
    return f"{balancer}:{version}"
