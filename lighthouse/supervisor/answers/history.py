"""The history of balancers, as it is told."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lighthouse.daemon.history_document import (
    BalancerHistory,
    HistoryDocument,
    TriggerStatus,
    VersionStatus,
)
from lighthouse.supervisor.answers.worker_status import order_status
from lighthouse.supervisor.history.comparison import compare
from lighthouse.supervisor.history.recorder import HistoryRecorder
from lighthouse.supervisor.history.version import AppliedVersion, Trigger
from lighthouse.supervisor.standing_order import StandingOrders

MOST: Final = 10
"""So many versions are told at once: who wants more asks again."""


def document(
    recorder: HistoryRecorder, pins: StandingOrders, balancers: Iterable[str], before: int | None
) -> HistoryDocument:
    """The newest versions of each, the newest first; ``before``: those with smaller numbers."""
    return HistoryDocument(
        balancers=tuple(
            BalancerHistory(
                balancer=name,
                pinned=order_status(order) if (order := pins.of(("balancer", name))) else None,
                versions=tuple(_newest(recorder.of(name), before)),
            )
            for name in sorted(balancers)
        )
    )


def _newest(versions: Sequence[AppliedVersion], before: int | None) -> Iterator[VersionStatus]:
    pairs = zip((None, *versions), versions, strict=False)
    found = [pair for pair in pairs if before is None or pair[1].number < before]
    for older, version in reversed(found[-MOST:]):
        nothing = (), 0, ""
        found_out = compare(older.snapshot, version.snapshot) if older else nothing
        changes, more, settings = found_out
        yield VersionStatus(
            version=version.number,
            plugin=version.plugin,
            applied_at=version.at,
            outcome=version.outcome,
            reason=version.reason,
            duration_ms=round(version.seconds * 1000, 3),
            reloads=version.reloads,
            triggers=tuple(map(_trigger, version.triggers)),
            more_triggers=version.unnamed,
            first=older is None,
            clusters=len(version.snapshot.clusters),
            changes=changes,
            more_clusters=more,
            settings=settings,
        )


def _trigger(one: Trigger) -> TriggerStatus:
    return TriggerStatus(
        kind=one.kind, name=one.name, discovery=one.discovery, trace=one.trace, at=one.at
    )
