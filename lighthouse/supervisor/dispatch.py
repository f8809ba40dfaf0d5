"""What a worker's message changes in what is known."""

import logging
import time
from typing import Final

import msgspec

from lighthouse.discovery import Reading
from lighthouse.ipc.messages import (
    Alive,
    Applied,
    Connected,
    Failed,
    Message,
    Observed,
    Probed,
    Ready,
    Registered,
    Registration,
    Verdicts,
    Working,
    decode_as,
)
from lighthouse.ipc.snapshot import DiscoverySnapshot, Snapshot
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.service import Performed, Verdict
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State

_log: Final = logging.getLogger("lighthouse.supervisor")


class Effect(msgspec.Struct, frozen=True):
    """What a message means beyond its worker.

    ``observed`` names the clusters that were read; ``changed`` tells whether balancers have to
    hear of them, ``judged`` whether a plugin thinks otherwise of a config than before,
    ``handed`` whether a balancer was given clusters that it was not given before,
    ``replan`` whether anything that is wanted may have changed, ``services`` whether what is known
    of this host's own services may have.
    """

    observed: tuple[str, ...] = ()
    changed: bool = False
    judged: bool = False
    replan: bool = False
    handed: bool = False
    services: bool = False


NOTHING: Final = Effect()


_OF_ALL: Final = (Ready, Alive, Working, Applied, Failed)
_OF_KIND: Final[dict[str, tuple[type, ...]]] = {
    "balancer": _OF_ALL,
    "discovery": (*_OF_ALL, Observed, Connected, Registered),
    "check": (*_OF_ALL, Verdicts, Probed),
}
"""What a worker of each kind may say."""


def take(
    state: State, worker: Worker, message: Message, payload: memoryview, now: float
) -> Effect:
    """Note a worker's message; raises ``msgspec.MsgspecError`` for what is none of its."""
    if not isinstance(message, _OF_KIND[worker.name[0]]):
        said = type(message).__name__
        raise msgspec.ValidationError(f"a {worker.name[0]} worker does not say {said}")
    match message:
        case Ready(origin):
            worker.origin = origin
            worker.ready(now)
            return Effect(services=True)
        case Alive(status):
            _fit(status)
            worker.status = status
            worker.heard(message, now)
        case Working(what):
            worker.heard(message, now, what)
        case Applied():
            _fit(message.status)
            handed = False
            judged = worker.snapshot is not None and message.version == worker.version
            if worker.snapshot is not None and judged:
                judged = state.judge(worker.name, worker.snapshot, message)
                if worker.name[0] == "balancer":
                    handed = state.hand_over(worker.name[1], message.kind)
            worker.acknowledge(message, time.time())
            worker.heard(message, now)
            return Effect(judged=judged, handed=handed)
        case Observed():
            reading = decode_as(Reading, payload)
            _fit([node.metadata for node in reading.nodes if node.metadata])
            return _observed(state, worker, message, reading, now)
        case Connected(link, reason):
            _connected(state, worker.name[1], SourceConnection(link, reason, now))
            return Effect(services=True)
        case Registered():
            state.services.registered(worker.name[1], decode_as(list[Registration], payload))
            return Effect(services=True)
        case Verdicts():
            verdicts = decode_as(list[Verdict], payload)
            _fit([verdict.metadata for verdict in verdicts if verdict.metadata])
            for verdict in verdicts:
                _verdict(state, worker.name[1], verdict)
            return Effect(services=True)
        case Probed():
            performed = decode_as(list[Performed], payload)
            return Effect(services=state.services.checks.probed(worker.name[1], performed))
        case Failed(reason):
            worker.said = worker.last_error = reason
    return NOTHING


def _fit(value: object) -> None:
    """Raise unless this can be shown: whatever a worker says of itself ends in JSON."""
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise msgspec.ValidationError(f"it has what is no JSON value: {error}") from error


def _connected(state: State, discovery: str, link: SourceConnection) -> None:
    before = state.memberships.link_of(discovery)
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
    return Effect(clusters, changed, replan=changed or any(held))


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
