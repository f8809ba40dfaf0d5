"""An explanation as lines for people; a pure function of it and of the time."""

from collections.abc import Iterator, Mapping

from lighthouse.commands.output.hints import empty
from lighthouse.commands.output.quantities import span
from lighthouse.daemon.explanation_document import (
    ConnectionStatus,
    ExplanationDocument,
    NodeExplanation,
)
from lighthouse.daemon.status_document import (
    HoldStatus,
    ServiceStatus,
    SourceStatus,
    TripStatus,
)
from lighthouse.text import plain


def lines(found: ExplanationDocument, now: float) -> Iterator[str]:
    """The cluster, then each node; ``now`` is wall-clock seconds."""
    yield _headline(found)
    for source in found.sources:
        yield f"  {_source(source, found.links, now)}"
        if source.answered and source.nodes == 0 and not found.refused:
            yield f"    {empty(source.discovery, found.looked_up)}"
    for hold in found.guard.holds:
        yield f"  {_hold(hold, now)}"
    last = found.guard.last
    if last is not None:
        yield f"  {_trips(found.guard.trips, last, now)}"
    for balancer in found.balancers:
        told = plain(balancer.reason)
        if balancer.applied:
            told = f"has applied this, {_ago(balancer.applied_at, now)}"
        yield f"  balancer {plain(balancer.name)}: {told}"
    for node in found.nodes:
        yield from _node(node, now)
    for refusal in found.refused:
        record = f"{plain(refusal.discovery)}: record {plain(refusal.record)}"
        yield f"{record}: {'refused' if refusal.fault else 'left out'}"
        yield f"  {plain(refusal.reason)}"


def _headline(found: ExplanationDocument) -> str:
    count = sum(node.is_in for node in found.nodes)
    told = f"cluster {plain(found.cluster)}: {count} of {len(found.nodes)} nodes here served"
    if len(found.sources) > 1:
        told += f", {found.combine} of {len(found.sources)} sources"
    if found.default_nodes:
        told += "; default nodes stand in"
    elif not found.known:
        told += "; nobody has said yet who its members are"
    return told + ("; stale" if found.stale else "")


def _source(source: SourceStatus, links: Mapping[str, ConnectionStatus], now: float) -> str:
    name = source.discovery
    told = f"source {plain(name)}: "
    if source.nodes is None:
        told += f"has not answered for {span(source.away_seconds or 0.0)}"
    else:
        told += f"{source.nodes} nodes, changed {_ago(source.read_at, now)}"
        if source.away_seconds is not None:
            told += f"; away for {span(source.away_seconds)}"
        if not source.answered:
            told += ", remembered from an earlier run"
    link = links[name]
    if link.state != "connected":
        told += f"; {link.state or 'silent'}: {plain(link.reason)}"
    stage = source.stage
    if stage != "keep":
        told += f"; on_source_loss: {stage}"
    return told + ("" if source.used or source.nodes is None else "; not believed now")


def _hold(hold: HoldStatus, now: float) -> str:
    left = hold.obeyed_in
    until = "as long as its source is away" if left is None else f"obeyed in {span(left)}"
    return f"shrink guard: holds a loss back since {span(now - hold.since)}; {until}"


def _trips(count: int, last: TripStatus, now: float) -> str:
    how = last.outcome or "not over yet"
    return (
        f"shrink guard: tripped {count} times, last {_ago(last.at, now)}: "
        f"{last.lost} of {last.of} nodes, {how}"
    )


def _node(node: NodeExplanation, now: float) -> Iterator[str]:
    place = f"[{node.ip}]" if ":" in node.ip else node.ip
    state = f"in, weight {node.weight}" if node.is_in else "out"
    why = f": {plain(node.reason)}" if node.reason else ""
    yield f"{plain(node.name)} ({place}:{node.port}): {state}{why}"
    for step in node.steps:
        yield f"  {plain(step)}"
    if node.local:
        yield from _local(node.local, now)


def _local(service: ServiceStatus, now: float) -> Iterator[str]:
    up = {True: "up", False: "down", None: "not known yet"}[service.up]
    registered = "registered" if service.registered else "not registered"
    yield f"  a service of this host: {up}, {registered}"
    for one in service.registrations:
        if one.reason or one.registered is not service.registered:
            stands = "registered" if one.registered else "not registered"
            why = f": {plain(one.reason)}" if one.reason else ""
            yield f"    in {plain(one.discovery)} {stands}{why}"
    maintenance = service.maintenance
    if maintenance:
        by = f" by {plain(maintenance.by)}" if maintenance.by else ""
        why = f": {plain(maintenance.reason)}" if maintenance.reason else ""
        until = maintenance.until
        left = f", for {span(until - now)} more" if until is not None else ""
        since = f" for {span(now - maintenance.since)}" if maintenance.since is not None else ""
        yield f"    in maintenance{since}{left}{by}{why}"
    if service.damping.reason:
        yield f"    {plain(service.damping.reason)}"
    if service.reason:
        yield f"    {plain(service.reason)}"
    for check in service.checks:
        verdict = {True: "passes", False: "fails", None: "is undecided"}[check.passing]
        if check.overdue:
            verdict = "is unknown"
        when = f", {_ago(check.checked_at, now)}" if check.checked_at else ""
        if check.changed_at and check.passing is not None:
            when += f", as for {span(now - check.changed_at)}"
        reason = f": {plain(check.reason)}" if check.reason else ""
        yield f"    check {plain(check.plugin)} {verdict}{reason}{when}"


def _ago(moment: float | None, now: float) -> str:
    return "at an unknown time" if moment is None else f"{span(now - moment)} ago"
