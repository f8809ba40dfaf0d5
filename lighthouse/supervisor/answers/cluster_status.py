"""One cluster's part of the status document, and what is not as it should be with it.

Ages and times to come are seconds; ``now`` is monotonic, and ``clock`` what has to be added
to it for the wall clock's time.
"""

from collections.abc import Mapping
from typing import Any

from lighthouse.config.policy import Failover, GuardPolicy, Percent
from lighthouse.membership.cluster_sources import ClusterSources
from lighthouse.membership.guard import HeldLoss
from lighthouse.membership.guard_history import Trip
from lighthouse.membership.source import STALE_AFTER


def describe(roster: ClusterSources, now: float, clock: float) -> dict[str, Any]:
    """How the cluster's nodes come about."""
    return {
        "combine": combine(roster),
        "default_nodes": roster.stands_in,
        "waits": roster.waits,
        "sources": [_source(roster, name, now) for name in roster.file.discovery],
        "guard": _guard(roster, now, clock),
    }


def combine(roster: ClusterSources) -> str:
    match roster.file.policy.combine:
        case Failover():
            return "failover"
        case Percent():
            return "percent"
    return "union"


def troubles(cluster: Mapping[str, Any]) -> list[str]:
    """What is not as it should be, in words."""
    found = []
    for source in cluster["sources"]:
        away = source["away_seconds"]
        if source["stage"] == "drain":
            found.append(f"{source['discovery']} is away for {away:.0f} s: its nodes are drained")
        elif source["stage"] == "fence":
            found.append(
                f"{source['discovery']} is away for {away:.0f} s: its nodes are not served"
            )
        elif source["stage"] == "withhold":
            text = f"what is known of {source['discovery']} is {away:.0f} s old: it is not served"
            found.append(text)
        elif source["used"] and away is not None and (away >= STALE_AFTER or cluster["stale"]):
            who = f"of {source['discovery']}, which is away for {away:.0f} s"
            found.append(f"its nodes are the last known ones {who}")
    if cluster["waits"]:
        found.append("no source has answered for it yet, and none is remembered")
    if cluster["default_nodes"]:
        found.append("its default nodes are served, since there is no other")
    if cluster["held_back"]:
        found.append(f"{len(cluster['held_back'])} vanished nodes are held back")
    if cluster["refused"]:
        found.append(f"{len(cluster['refused'])} records are refused")
    return found


def _source(roster: ClusterSources, name: str, now: float) -> dict[str, Any]:
    source, away = roster.sources.get(name), roster.away(name)
    since = away.since if away is not None else None
    if source is None:
        since = roster.asked(name)
    return {
        "discovery": name,
        "answered": source is not None and source.live,
        "nodes": None if source is None else len(source.reading.nodes),
        "read_at": None if source is None else source.read_at,
        "away_seconds": None if since is None else round(max(0.0, now - since), 3),
        "used": roster.is_used(name),
        "stage": roster.stages.get(name if source is not None else "", "keep"),
    }


def _guard(roster: ClusterSources, now: float, clock: float) -> dict[str, Any]:
    last = roster.trips.last
    holds = [
        {
            "source": scope or None,
            "since": held.since + clock,
            "obeyed_in": _left(held, roster.file.policy.guard, now),
        }
        for scope, held in sorted(roster.holds().items())
    ]
    return {
        "trips": roster.trips.count,
        "last": None if last is None else _trip(last, clock),
        "holds": holds,
    }


def _left(held: HeldLoss, guard: GuardPolicy | None, now: float) -> float | None:
    """Seconds until a hold lets go, None while it stands still."""
    if held.paused or guard is None:
        return None
    return round(max(0.0, guard.obey_after - held.ran - (now - held.at)), 3)


def _trip(trip: Trip, clock: float) -> dict[str, Any]:
    return {
        "at": trip.at + clock,
        "lost": trip.lost,
        "of": trip.whole,
        "source": trip.scope or None,
        "ended_at": None if trip.ended_at is None else trip.ended_at + clock,
        "outcome": trip.outcome or None,
    }
