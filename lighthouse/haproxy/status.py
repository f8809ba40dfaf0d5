"""A few figures of an HAProxy for operators, bounded however large the fleet is."""

import time
from collections.abc import Iterable
from typing import Any, Final

from lighthouse.haproxy.runtime.controller import Controller
from lighthouse.haproxy.sync.counts import SyncCounts
from lighthouse.haproxy.sync.drift import Drift
from lighthouse.haproxy.sync.reload import Reload
from lighthouse.haproxy.sync.target import Target
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.haproxy.sync.writer import Writer
from lighthouse.text import one_line

_SHOWN: Final = 5


def describe(
    control: Controller,
    wanted: WantedClusters,
    target: Target,
    writer: Writer,
    drift: Drift,
    counts: SyncCounts,
    reload: Reload,
) -> dict[str, Any]:
    """What ``lighthouse status`` shows."""
    instance = control.instance
    found = control.seen if instance else None
    clusters, nodes = wanted.count()
    odd = (text for texts in wanted.oddities.values() for text in texts)
    warnings = (*(warning.message for warning in target.warnings), *odd)
    return {
        "running": instance is not None,
        "pid": instance.pid if instance else None,
        "version": instance.version if instance else None,
        "clusters": clusters,
        "nodes": nodes,
        "reloads": control.reload_count,
        "reloads_by_reason": dict(reload.by_kind),
        "reloads_last_hour": control.allowance.last_hour(time.monotonic()),
        "reload_reasons": [one_line(reason) for reason in control.reloads],
        "starts": control.starts,
        "generation": instance.generation if instance else None,
        "binary": control.binary,
        "old_workers": len(found.old) if found else None,
        "oldest_worker_seconds": max((old.age for old in found.old), default=0) if found else None,
        "steps": dict(counts.total),
        "drift_repaired": drift.repaired,
        "servers_deleted": drift.deleted,
        "edited": writer.edited,
        "faults": _some(f"{f.cluster or 'haproxy'}: {f.message}" for f in target.findings),
        "warnings": _some(warnings),
        **drift.summary,
    }


def _some(texts: Iterable[str]) -> list[str]:
    return [one_line(text) for text, _ in zip(texts, range(_SHOWN), strict=False)]
