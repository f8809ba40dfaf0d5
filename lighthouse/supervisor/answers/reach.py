"""Nodes that are registered and served, but that this host's own proxy does not reach.

Told, and nothing is done for it: what is registered is the matter of whoever registers it.
"""

from collections.abc import Iterable

import msgspec

from lighthouse.balancer import Unreachable
from lighthouse.daemon.status_document import ClusterStatus, UnreachableStatus
from lighthouse.membership.view import View
from lighthouse.supervisor.pool.worker import Worker

SHOWN = 50
"""So many nodes of a cluster are told one by one."""

ALL_FOR = 30.0
"""Seconds for which no node must have been reached before that is a fault: a deploy is none."""

Unreached = tuple[str, Unreachable]
"""A balancer, and a member that it does not reach."""


def by_cluster(pool: Iterable[Worker]) -> dict[str, list[Unreached]]:
    """What the balancers that run say that they do not reach."""
    found: dict[str, list[Unreached]] = {}
    for worker in sorted(pool, key=lambda worker: worker.name):
        if worker.life.state == "running":
            for one in worker.record.unreachable:
                found.setdefault(one.cluster, []).append((worker.name[1], one))
    return found


def told(
    status: ClusterStatus, view: View, unreached: Iterable[Unreached], now: float
) -> ClusterStatus:
    """A cluster's status with what is not reached of it; ``now`` is wall-clock seconds."""
    names = {node.key: node.name for node in view.nodes}
    found = [pair for pair in unreached if pair[1].node in names]
    if not found:
        return status
    shown = tuple(
        UnreachableStatus(
            name=names[one.node],
            ip=one.node[0],
            port=one.node[1],
            balancer=balancer,
            reason=one.reason,
            since=one.since,
        )
        for balancer, one in found[:SHOWN]
    )
    return msgspec.structs.replace(
        status,
        unreachable=shown,
        unreachable_nodes=len({one.node for _, one in found}),
        unreached_by=_reaching_none(found, len(names), now),
    )


def _reaching_none(found: Iterable[Unreached], nodes: int, now: float) -> str:
    """A balancer that reaches no node of a cluster, and has not for a while; empty if none."""
    lasting: dict[str, int] = {}
    for balancer, one in found:
        if one.since is None or now - one.since >= ALL_FOR:
            lasting[balancer] = lasting.get(balancer, 0) + 1
    return next((balancer for balancer, count in lasting.items() if count == nodes), "")
