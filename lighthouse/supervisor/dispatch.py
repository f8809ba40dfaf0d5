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
from lighthouse.membership.source import SourceConnection, SourceReading
from lighthouse.service import Performed, Verdict
from lighthouse.supervisor.state import State
from lighthouse.supervisor.worker import Worker

_log: Final = logging.getLogger("lighthouse.supervisor")


class Effect(msgspec.Struct, frozen=True):
    """What a message means beyond its worker.

    ``observed`` names a cluster that was read; ``changed`` tells whether balancers have to
    hear of it, ``judged`` whether a plugin thinks otherwise of a config than before,
    ``handed`` whether a balancer was given clusters that it was not given before,
    ``replan`` whether anything that is wanted may have changed, ``services`` whether what is known
    of this host's own services may have.
    """

    observed: str = ""
    changed: bool = False
    judged: bool = False
    replan: bool = False
    handed: bool = False
    services: bool = False


NOTHING: Final = Effect()


def take(
    state: State, worker: Worker, message: Message, payload: memoryview, now: float
) -> Effect:
    """Note a worker's message; raises ``msgspec.MsgspecError`` for a payload that is none."""
    match message:
        case Ready(origin):
            worker.origin = origin
            worker.ready(now)
            return Effect(services=True)
        case Alive(status):
            worker.status = status
            worker.heard(message, now)
        case Working(what):
            worker.heard(message, now, what)
        case Applied():
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
            return _observed(state, worker, message, decode_as(Reading, payload), now)
        case Connected(link, reason):
            level = logging.INFO if link == "connected" else logging.WARNING
            told = f": {reason}" if reason else ""
            _log.log(level, "discovery %s: %s%s", worker.name[1], link, told)
            state.link(worker.name[1], SourceConnection(link, reason, now))
            return Effect(services=True)
        case Registered():
            state.report.registered(worker.name[1], decode_as(list[Registration], payload))
            return Effect(services=True)
        case Verdicts():
            for verdict in decode_as(list[Verdict], payload):
                _verdict(state, worker.name[1], verdict)
            return Effect(services=True)
        case Probed():
            performed = decode_as(list[Performed], payload)
            return Effect(services=state.report.checks.probed(worker.name[1], performed))
        case Failed(reason):
            worker.said = worker.last_error = reason
    return NOTHING


def _observed(
    state: State, worker: Worker, message: Observed, reading: Reading, now: float
) -> Effect:
    source = SourceReading(reading, time.time(), message.reread)
    held = state.memberships.held_back(message.cluster)
    changed = state.observe(worker.name[1], message.cluster, source, now)
    holding = state.memberships.held_back(message.cluster)
    return Effect(message.cluster, changed, replan=changed or bool(held or holding))


def _verdict(state: State, plugin: str, verdict: Verdict) -> None:
    if state.report.checks.verdict(plugin, verdict, time.time()):
        _log.log(
            logging.INFO if verdict.passing else logging.WARNING,
            "service %s: port %d: check %s %s%s",
            verdict.service,
            verdict.port,
            plugin,
            "passes" if verdict.passing else "fails",
            f": {verdict.reason}" if verdict.reason else "",
        )
