"""What a worker's message changes in what is known."""

import logging
import time
from typing import Final, Literal

import msgspec

from lighthouse.balancer import Unreachable
from lighthouse.discovery import Reading
from lighthouse.ipc.messages import (
    Alive,
    Applied,
    Asked,
    Connected,
    Counted,
    Failed,
    Message,
    Observed,
    Probed,
    Ready,
    Registered,
    Reported,
    StatusWanted,
    Unreached,
    Validated,
    VerdictsSaid,
    Working,
    decode_as,
)
from lighthouse.ipc.payloads import Registration
from lighthouse.ipc.snapshot import DiscoverySnapshot, Snapshot
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.service import Performed, Verdict
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State

_log: Final = logging.getLogger("lighthouse.supervisor")


Stale = Literal["latency", "snapshots", "plan", "faults", "saved"]
"""What does not match what is known any more: the latency that balancers measure, the snapshots
of workers, the whole plan, the faults that were told, what is on disk."""


class Effect(msgspec.Struct, frozen=True):
    """What a message means beyond its worker: the clusters that were read, and what is stale."""

    clusters: tuple[str, ...] = ()
    stale: frozenset[Stale] = frozenset()


NOTHING: Final = Effect()
_PLAN: Final = Effect(stale=frozenset({"plan"}))


_OF_ALL: Final = (Ready, Reported, Alive, Working, Applied, Validated, Failed)
_OF_KIND: Final[dict[str, tuple[type, ...]]] = {
    "balancer": (*_OF_ALL, Counted, Unreached),
    "discovery": (*_OF_ALL, Observed, Connected, Registered),
    "check": (*_OF_ALL, VerdictsSaid, Probed),
    "web": (*_OF_ALL, StatusWanted, Asked),
}
"""What a worker of each kind may say."""


def take(
    state: State, worker: Worker, message: Message, payload: memoryview, now: float
) -> Effect:
    """Note a worker's message; raises ``msgspec.MsgspecError`` for what is none of its."""
    if not isinstance(message, _OF_KIND[worker.name[0]]):
        said = type(message).__name__
        raise msgspec.ValidationError(f"a {worker.name[0]} worker does not say {said}")
    if worker.on_trial and not isinstance(message, Ready | Reported | Failed):
        return _tried(worker, message, now)
    match message:
        case Ready(report):
            worker.code.reported(report)
            worker.ready(now)
            return _PLAN
        case Reported(report):
            worker.code.reported(report)
        case Alive(status):
            _fit(status)
            worker.status = status
            worker.heard(message, now)
        case Working(what):
            worker.heard(message, now, what)
        case Applied():
            _fit(message.status)
            return _applied(state, worker, message, now)
        case Observed():
            reading = decode_as(Reading, payload)
            _fit([node.metadata for node in reading.nodes if node.metadata])
            return _observed(state, worker, message, reading, now)
        case Counted():
            worker.counters = decode_as(dict[str, dict[str, int]], payload)
        case Unreached():
            worker.record.unreachable = tuple(decode_as(list[Unreachable], payload))
        case Connected(link, reason):
            _connected(state, worker.name[1], SourceConnection(link, reason, now))
            return _PLAN
        case Registered() | VerdictsSaid() | Probed():
            return _of_services(state, worker.name[1], message, payload)
        case Failed(reason, traceback, report):
            worker.said, worker.traceback = reason, traceback
            worker.errs(reason, traceback)
            worker.code.reported(report)
    return NOTHING


def _of_services(
    state: State,
    plugin: str,
    message: Registered | VerdictsSaid | Probed,
    payload: memoryview,
) -> Effect:
    """What a discovery has registered, or a check found out, of this host's services."""
    match message:
        case Registered():
            state.services.registered(plugin, decode_as(list[Registration], payload))
        case VerdictsSaid():
            verdicts = decode_as(list[Verdict], payload)
            _fit([verdict.metadata for verdict in verdicts if verdict.metadata])
            for verdict in verdicts:
                _verdict(state, plugin, verdict)
        case Probed():
            performed = decode_as(list[Performed], payload)
            if not state.services.checks.probed(plugin, performed):
                return NOTHING
    return _PLAN


def _tried(worker: Worker, message: Message, now: float) -> Effect:
    """What a worker on trial says counts for nothing but for that; then it has a place."""
    if isinstance(message, Validated):
        worker.answered(message, now)
        return _PLAN
    if isinstance(message, Alive | Working):
        worker.heard(message, now, "" if worker.takes_snapshots else "its trial")
    return NOTHING


def _applied(state: State, worker: Worker, message: Applied, now: float) -> Effect:
    stale: set[Stale] = set()
    if worker.snapshot is not None and message.version == worker.version:
        if state.judge(worker.name, worker.snapshot, message):
            stale |= {"faults", "saved"}
        if worker.name[0] == "balancer" and state.hand_over(worker.name[1], message.kind):
            stale.add("saved")
    worker.acknowledge(message, time.time())
    worker.heard(message, now)
    return Effect(stale=frozenset(stale))


def _fit(value: object) -> None:
    """Raise unless this can be shown: whatever a worker says of itself ends in JSON."""
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise msgspec.ValidationError(f"it has what is no JSON value: {error}") from error


def _connected(state: State, discovery: str, link: SourceConnection) -> None:
    before = state.memberships.connections.of(discovery)
    state.link(discovery, link)
    if before is None or (before.state, before.reason) != (link.state, link.reason):
        level = logging.INFO if link.state == "connected" else logging.WARNING
        told = f": {link.reason}" if link.reason else ""
        _log.log(level, "discovery %s: %s%s", discovery, link.state, told)


def _observed(
    state: State, worker: Worker, message: Observed, reading: Reading, now: float
) -> Effect:
    withdrawn = _withdrawn(worker.snapshot, message.cluster)
    source = SourceReading(reading, time.time(), message.reread, withdrawn=withdrawn)
    clusters = state.memberships.named(worker.name[1], message.cluster)
    held = [*map(state.memberships.held_back, clusters)]
    changed = state.observe(worker.name[1], message.cluster, source, now)
    held += map(state.memberships.held_back, clusters)
    stale: set[Stale] = {"saved"} if clusters else set()
    if changed:
        stale |= {"latency", "snapshots"}
    elif any(held):
        stale.add("snapshots")
    return Effect(clusters, frozenset(stale))


def _withdrawn(snapshot: Snapshot | None, cluster: str) -> frozenset[tuple[str, int]]:
    """The addresses of the cluster that a discovery was told to take out of its source."""
    down = snapshot.down if isinstance(snapshot, DiscoverySnapshot) else ()
    return frozenset(service.node.key for service in down if service.name == cluster)


def _verdict(state: State, plugin: str, verdict: Verdict) -> None:
    if state.services.checks.verdict(plugin, verdict, time.time()):
        _log.log(
            logging.INFO if verdict.passing else logging.WARNING,
            "service %s: port %d: check %s %s%s",
            verdict.service,
            verdict.port,
            plugin,
            "passes" if verdict.passing else "fails",
            f": {verdict.reason}" if verdict.reason else "",
        )
