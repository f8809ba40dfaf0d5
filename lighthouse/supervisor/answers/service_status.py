"""The services of this host in the status document."""

import time

from lighthouse.config.schema.types import CheckFile, ServiceFile
from lighthouse.daemon.status_document import (
    CheckStatus,
    DampingStatus,
    MaintenanceStatus,
    RegistrationStatus,
    ServiceStatus,
    StatedMaintenance,
)
from lighthouse.net.listeners import Listeners, listeners, unreachable
from lighthouse.registration.damping import DampingState
from lighthouse.registration.freshness import VerdictAge
from lighthouse.registration.maintenance import Maintenance
from lighthouse.registration.services import NO_ADDRESS, ports
from lighthouse.service import Verdict
from lighthouse.supervisor.state import State


def provided(state: State) -> tuple[ServiceStatus, ...]:
    """The services of this host, each port by itself."""
    each = [*ports(state.config.services)]
    found = listeners() if each else {}
    return tuple(_service(state, *one, found) for one in each)


def stated_maintenance(state: State) -> tuple[StatedMaintenance, ...]:
    """All that operators have taken out, services of an earlier configuration too."""
    return tuple(
        StatedMaintenance(
            service=one.service,
            port=one.port,
            reason=one.reason,
            since=one.since,
            until=one.until,
            by=one.by,
        )
        for one in state.services.maintenance.all()
    )


def _service(
    state: State, stem: str, service: ServiceFile, port: int, found_listeners: Listeners
) -> ServiceStatus:
    found = _registrations(state, stem, service, port)
    checks = tuple(_check(state, stem, service, port, check) for check in service.checks)
    up = state.services.up(stem, service, port)
    return ServiceStatus(
        name=service.name,
        file=service.file,
        port=port,
        up=None if up and any(check.overdue for check in checks) else up,
        maintenance=_maintenance(state.services.out(service.name, port)),
        damping=_damping(state, stem, service, port),
        registered=bool(found) and all(one.registered for one in found),
        registrations=found,
        reason=_reason(state, stem, service, port),
        unreachable=_unreachable(state, stem, service, port, found_listeners),
        checks=checks,
    )


def _reason(state: State, stem: str, service: ServiceFile, port: int) -> str:
    """What an operator should know of a port beside its checks."""
    if state.services.service(stem, service, port) is None:
        return NO_ADDRESS
    return "" if service.checks else "has no checks: it counts as up"


def _unreachable(
    state: State, stem: str, service: ServiceFile, port: int, found: Listeners
) -> str:
    """Why no other host reaches a port where it is registered, empty if nothing says so."""
    node = state.services.service(stem, service, port)
    return "" if node is None else unreachable(service.host, port, node.node.ip, found)


def _maintenance(one: Maintenance | None) -> MaintenanceStatus | None:
    if one is None:
        return None
    return MaintenanceStatus(reason=one.reason, since=one.since, until=one.until, by=one.by)


def _damping(state: State, stem: str, service: ServiceFile, port: int) -> DampingStatus:
    """What flap damping holds back now, and how often it had to."""
    standing = state.services.standings.get((stem, port), DampingState())
    due, reason = standing.due(service.flap_damping), ""
    if standing.holding:
        reason = "flaps: its checks pass, but it was up and down too often"
    elif standing.waiting is not None:
        reason = "what it publishes changes too often: the newest is published later"
    wall = time.time() - time.monotonic()
    since = standing.held_since if standing.holding else None
    return DampingStatus(
        reason=reason,
        since=None if since is None else wall + since,
        until=None if due is None or not reason else wall + due,
        held=standing.held,
        changes_held=standing.changes_held,
    )


def _registrations(
    state: State, stem: str, service: ServiceFile, port: int
) -> tuple[RegistrationStatus, ...]:
    """Where the node is registered, and why it is not where it should be."""
    node = state.services.service(stem, service, port)
    found = []
    for name in service.discovery:
        if node is None:
            found.append(RegistrationStatus(discovery=name, reason=NO_ADDRESS))
            continue
        said = state.services.registrations.get(name, {}).get(node.place)
        link = state.memberships.connections.of(name)
        reason = said.reason if said is not None else ""
        if not reason and link is not None and link.state != "connected":
            reason = f"{link.state}: {link.reason}" if link.reason else link.state
        registered = said is not None and said.registered
        found.append(RegistrationStatus(discovery=name, registered=registered, reason=reason))
    return tuple(found)


def _check(state: State, stem: str, file: ServiceFile, port: int, check: CheckFile) -> CheckStatus:
    key, now = (check.plugin, stem, port), time.monotonic()
    known, age = (
        state.services.checks.get(key),
        state.services.checks.age_of(file, check, key, now),
    )
    verdict = known.verdict
    reason = verdict.reason if verdict is not None else "not yet run"
    return CheckStatus(
        plugin=check.plugin,
        passing=None if age.unknown or verdict is None else verdict.passing,
        reason=_unknown(age, verdict) if age.unknown else reason,
        checked_at=None if known.performed is None else time.time() - (now - known.performed),
        changed_at=known.changed_at,
        overdue=age.unknown,
    )


def _unknown(age: VerdictAge, verdict: Verdict | None) -> str:
    """Why nothing is known of a check any more, and what comes of it."""
    last = None if verdict is None else verdict.passing
    told = {None: "it never gave one", True: "it passed then", False: "it failed then"}[last]
    if age.lost:
        comes = "the service counts as down"
    elif age.lost_in is None:
        comes = "the service stays as it was (on_check_loss: keep)"
    else:
        comes = f"the service counts as down in {age.lost_in:.0f} s unless there is one"
    return f"no verdict for {age.seconds:.0f} s ({told}): {comes}"
