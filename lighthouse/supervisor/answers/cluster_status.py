"""One cluster's part of the status document, and what is not as it should be with it.

Ages and times to come are seconds; ``now`` is monotonic, and ``clock`` what has to be added
to it for the wall clock's time.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from lighthouse.config.schema.policy import Failover, GuardPolicy, Percent
from lighthouse.daemon.causes import reason
from lighthouse.daemon.explanation_document import ConnectionStatus
from lighthouse.daemon.status_document import (
    Cause,
    ClusterStatus,
    GuardStatus,
    HoldStatus,
    NodeStatus,
    RefusedStatus,
    SourceStatus,
    TripStatus,
)
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.membership.cluster_sources import ClusterSources
from lighthouse.membership.guard import HeldLoss
from lighthouse.membership.guard_history import Trip
from lighthouse.membership.memberships import Memberships
from lighthouse.membership.view import View
from lighthouse.node import Node


class EncodedNodes:
    """The nodes of each cluster as JSON, made anew only for those that have changed.

    The supervisor serves nobody else while it writes a status, and a fleet has many nodes.
    """

    def __init__(self) -> None:
        self._made: Final[dict[str, tuple[tuple[Node, ...], msgspec.Raw]]] = {}

    def keep(self, names: Iterable[str]) -> None:
        """Forget all clusters but these."""
        for gone in self._made.keys() - set(names):
            del self._made[gone]

    def of(self, name: str, view: View) -> msgspec.Raw:
        made = self._made.get(name)
        if made is None or made[0] is not view.nodes:
            encoded = msgspec.json.encode([_node(node) for node in view.nodes])
            made = self._made[name] = view.nodes, msgspec.Raw(encoded)
        return made[1]


def cluster_status(
    memberships: Memberships, name: str, nodes: msgspec.Raw, now: float, clock: float
) -> ClusterStatus:
    """One cluster, with its ``nodes`` as JSON."""
    view, cluster = memberships.views[name], memberships.cluster_sources[name]
    found = sources(cluster, now)
    return ClusterStatus(
        name=name,
        looked_up=cluster.file.looked_up,
        discovery=tuple(cluster.file.discovery),
        known=view.known,
        stale=view.stale,
        age_seconds=_age(found),
        changed_at=max((one.read_at for one in found if one.read_at is not None), default=None),
        held_back=tuple(sorted(node.name for node in memberships.held_back(name))),
        combine=combine(cluster),
        default_nodes=cluster.stands_in,
        waits=cluster.waits,
        primary_conflict=cluster.contest.reason,
        sources=found,
        guard=guard(cluster, now, clock),
        nodes=nodes,
        refused=tuple(
            RefusedStatus(r.record, r.reason, r.is_fault) for r in memberships.refused(name)
        ),
    )


def _age(found: Iterable[SourceStatus]) -> float | None:
    """How old what is known may be: 0 while the sources that count are there."""
    ages = [(one.used, one.away_seconds or 0.0) for one in found if one.nodes is not None]
    if not ages:
        return None
    return max([age for used, age in ages if used] or [age for _, age in ages])


def combine(cluster: ClusterSources) -> str:
    match cluster.file.policy.combine:
        case Failover():
            return "failover"
        case Percent():
            return "percent"
    return "union"


def sources(cluster: ClusterSources, now: float) -> tuple[SourceStatus, ...]:
    """What each of the cluster's sources has said."""
    return tuple(_source(cluster, name, now) for name in cluster.file.discovery)


def _source(cluster: ClusterSources, name: str, now: float) -> SourceStatus:
    source, away = cluster.readings.get(name), cluster.away(name)
    since = away.since if away is not None else None
    if source is None:
        since = cluster.asked(name)
    return SourceStatus(
        discovery=name,
        answered=source is not None and source.live,
        nodes=None if source is None else len(source.reading.nodes),
        read_at=None if source is None else source.read_at,
        away_seconds=None if since is None else round(max(0.0, now - since), 3),
        used=cluster.is_used(name),
        stage=cluster.stages.get(name if source is not None else "", "keep"),
    )


def connection(
    memberships: Memberships, causes: Iterable[Cause], discovery: str, clock: float
) -> ConnectionStatus:
    """How a discovery is connected, and why it is not, from as far back as it is known."""
    link = memberships.connections.of(discovery)
    if link is not None and link.state == "connected":
        return ConnectionStatus(state=link.state, since=link.since + clock)
    known = reason(causes, WorkerStatus(kind="discovery", name=discovery))
    if link is None:
        return ConnectionStatus(reason=known or "it has not said anything yet")
    told = known.removeprefix(f"{link.state}: ") or link.reason
    return ConnectionStatus(state=link.state, reason=told, since=link.since + clock)


def guard(cluster: ClusterSources, now: float, clock: float) -> GuardStatus:
    """What the shrink guard holds back, and did last."""
    last = cluster.guard.history.last
    return GuardStatus(
        trips=cluster.guard.history.count,
        last=None if last is None else _trip(last, clock),
        holds=tuple(
            HoldStatus(
                source=scope or None,
                since=held.since + clock,
                obeyed_in=_left(held, cluster.file.policy.guard, now),
            )
            for scope, held in sorted(cluster.guard.holds().items())
        ),
    )


def _left(held: HeldLoss, policy: GuardPolicy | None, now: float) -> float | None:
    """Seconds until a hold lets go, None while it stands still."""
    if held.paused or policy is None:
        return None
    return round(max(0.0, policy.obey_after - held.ran - (now - held.at)), 3)


def _trip(trip: Trip, clock: float) -> TripStatus:
    return TripStatus(
        at=trip.at + clock,
        lost=trip.lost,
        of=trip.whole,
        source=trip.scope or None,
        ended_at=None if trip.ended_at is None else trip.ended_at + clock,
        outcome=trip.outcome or None,
    )


def _node(node: Node) -> NodeStatus:
    return NodeStatus(
        name=node.name,
        host=node.host,
        ip=node.ip,
        port=node.port,
        weight=node.weight,
        metadata=node.metadata,
        notes=node.notes,
    )
