"""What is wrong, each cause once, with the clusters, services and workers that suffer by it.

Pure: made of the parts of the status document and the faults of the configuration.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from lighthouse.config.fault import Fault
from lighthouse.daemon.causes import file_of
from lighthouse.daemon.status_document import (
    Cause,
    ClusterStatus,
    Consequence,
    ServiceStatus,
)
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.membership.source import STALE_AFTER
from lighthouse.registration.services import NO_ADDRESS
from lighthouse.supervisor.standing_order import Name
from lighthouse.text import counted, several

_STAGES: Final[Mapping[str, str]] = {
    "drain": "drained",
    "fence": "fenced",
    "withhold": "too_old",
}


class Judged(msgspec.Struct, frozen=True):
    """Workers that do nothing since their own file is ``rejected``, and those of which all
    that is wrong is ``told`` by faults of the configuration.
    """

    rejected: Collection[Name] = ()
    told: Collection[Name] = ()


class _Found:
    """A cause that is being put together."""

    def __init__(self, kind: str, name: str, message: str) -> None:
        self._cause: Final = Cause(kind=kind, name=name, message=message)
        self.places: Final[list[str]] = []
        self._consequences: Final[dict[Consequence, None]] = {}

    def hits(self, kind: str, name: str, effect: str) -> None:
        self._consequences[Consequence(kind=kind, name=name, effect=effect)] = None

    def cause(self) -> Cause:
        kind, name, message = self._cause.kind, self._cause.name, self._cause.message
        return Cause(
            kind=kind,
            name=name,
            message=message,
            places=tuple(self.places),
            consequences=tuple(self._consequences),
        )


class _Causes:
    """All that has been found so far.

    ``_roots`` are why discoveries are away, ``_checks`` why those plugins check nothing.
    """

    def __init__(self) -> None:
        self._found: Final[list[_Found]] = []
        self._files: Final[dict[str, _Found]] = {}
        self._missing: Final[dict[str, _Found]] = {}
        self._roots: Final[dict[str, _Found]] = {}
        self._checks: Final[dict[str, _Found]] = {}

    def all(self) -> tuple[Cause, ...]:
        return tuple(found.cause() for found in self._found)

    def add(self, kind: str, name: str, message: str) -> _Found:
        found = _Found(kind, name, message)
        self._found.append(found)
        return found

    def faults(self, faults: Iterable[Fault]) -> None:
        """Faults that are about one thing that is missing elsewhere count once."""
        for fault in faults:
            known = self._missing.get(fault.about)
            if known is not None:
                known.places.append(f"{fault.file}:{fault.line}:{fault.column}")
                continue
            found = self.add("file", fault.file, str(fault))
            self._files.setdefault(fault.file, found)
            if fault.about:
                self._missing[fault.about] = found

    def workers(self, workers: Iterable[WorkerStatus], judged: Judged) -> None:
        """Workers that are not well, unless a fault tells why."""
        for worker in workers:
            if worker.healthy:
                continue
            name = (worker.kind, worker.name)
            found = self._fault_of(name) if name in judged.rejected else None
            if worker.state != "running":
                found = self._missing.get(f"{worker.kind} plugin {worker.plugin}")
            if found is not None:
                found.hits(*name, "idle")
            elif not (name in judged.told and self._files):
                found = self.add(*name, worker.reason)
            if found is not None and worker.kind == "discovery":
                self._roots[worker.name] = found
            elif found is not None and worker.kind == "check":
                self._checks[worker.name] = found

    def cluster(self, cluster: ClusterStatus) -> None:
        """What its sources do to a cluster."""
        for source in cluster.sources:
            away = source.away_seconds
            if away is None or cluster.waits:
                continue
            if source.stage in _STAGES:
                self._root(source.discovery).hits("cluster", cluster.name, _STAGES[source.stage])
            elif source.used and (away >= STALE_AFTER or cluster.stale):
                self._root(source.discovery).hits("cluster", cluster.name, "last_known")
        if cluster.waits:
            effect = "default_nodes" if cluster.default_nodes else "waits"
            for discovery in self._to_blame(cluster.discovery):
                self._root(discovery).hits("cluster", cluster.name, effect)

    def service(self, service: ServiceStatus) -> None:
        """What the loss of a check or a discovery does to a service."""
        for check in service.checks:
            if check.overdue:
                found = self._checks.get(check.plugin)
                if found is None:
                    found = self.add("check", check.plugin, check.reason)
                    self._checks[check.plugin] = found
                found.hits("service", service.name, "unchecked")
        if not service.up or service.maintenance is not None:
            return
        for one in service.registrations:
            if not one.registered and one.discovery in self._roots:
                self._roots[one.discovery].hits("service", service.name, "unregistered")

    def _fault_of(self, name: Name) -> _Found | None:
        """The first fault of the file that a worker is made for."""
        return next((self._files[file] for file in file_of(*name) if file in self._files), None)

    def _known_root(self, discovery: str) -> _Found | None:
        """Why a discovery is away, as far as anything says so."""
        return self._roots.get(discovery) or self._missing.get(f"discovery {discovery}")

    def _root(self, discovery: str) -> _Found:
        found = self._known_root(discovery)
        if found is None:
            found = self.add("discovery", discovery, "has not answered yet")
        self._roots[discovery] = found
        return found

    def _to_blame(self, discoveries: Iterable[str]) -> list[str]:
        """Those that are known to be away; all of them if none is."""
        names = list(discoveries)
        return [name for name in names if self._known_root(name) is not None] or names

    def absent(self, discoveries: Iterable[str], running: Collection[str]) -> None:
        """Discoveries that no worker runs for, since their file was never good."""
        for discovery in discoveries:
            if discovery not in running and discovery not in self._roots:
                found = self._fault_of(("discovery", discovery))
                if found is not None:
                    self._roots[discovery] = found


def causes(
    faults: Iterable[Fault],
    workers: Collection[WorkerStatus],
    judged: Judged,
    clusters: Collection[ClusterStatus],
    services: Collection[ServiceStatus],
    own: Iterable[str],
) -> tuple[Cause, ...]:
    """Every reason for not being healthy; ``own`` are the supervisor's own problems."""
    found = _Causes()
    found.faults(fault for fault in faults if not fault.warning)
    found.workers(workers, judged)
    used = [name for cluster in clusters for name in cluster.discovery]
    used += [one.discovery for service in services for one in service.registrations]
    running = {worker.name for worker in workers if worker.kind == "discovery"}
    found.absent(dict.fromkeys(used), running)
    for cluster in clusters:
        found.cluster(cluster)
    for service in services:
        found.service(service)
    supervisor = (Cause(kind="supervisor", message=text) for text in own)
    return (*found.all(), *_of_clusters(clusters), *_of_services(services), *supervisor)


def _of_clusters(clusters: Collection[ClusterStatus]) -> Iterable[Cause]:
    """What is not as it should be though all sources are there; once for all clusters."""
    held = {one.name: len(one.held_back) for one in clusters if one.held_back}
    yield from _alike("held_back", held, "vanished node", "held back")
    counts = {one.name: sum(r.fault for r in one.refused) for one in clusters}
    refused = {name: count for name, count in counts.items() if count}
    yield from _alike("refused", refused, "record", "refused")
    for one in clusters:
        if one.primary_conflict:
            yield Cause(kind="cluster", name=one.name, message=one.primary_conflict)
    for one in clusters:
        if one.unreached_by:
            yield Cause(kind="cluster", name=one.name, message=_unreached(one))
    spare = [one.name for one in clusters if one.default_nodes and not one.waits]
    told = "default nodes are served, since there is no other"
    if len(spare) == 1:
        yield Cause(kind="cluster", name=spare[0], message=f"its {told}")
    elif spare:
        yield _together("default_nodes", spare, told)


def _unreached(cluster: ClusterStatus) -> str:
    first = next(one for one in cluster.unreachable if one.balancer == cluster.unreached_by)
    count = counted(cluster.unreachable_nodes, "node")
    what = f"its {count} is" if cluster.unreachable_nodes == 1 else f"none of its {count} is"
    return (
        f"{what} {'un' if cluster.unreachable_nodes == 1 else ''}reachable from here, says "
        f"balancer {cluster.unreached_by}: {first.name}: {first.reason}"
    )


def _alike(effect: str, counts: Mapping[str, int], noun: str, deed: str) -> Iterable[Cause]:
    """One cause for all clusters to which the same happens."""
    if len(counts) == 1:
        ((name, count),) = counts.items()
        told = f"{counted(count, noun)} {'is' if count == 1 else 'are'} {deed}"
        yield Cause(kind="cluster", name=name, message=told)
    elif counts:
        yield _together(effect, counts, f"{noun}s are {deed}")


def _together(effect: str, names: Collection[str], told: str) -> Cause:
    return Cause(
        kind="cluster",
        message=f"{len(names)} clusters: {told}: {several(names)}",
        consequences=tuple(
            Consequence(kind="cluster", name=name, effect=effect) for name in names
        ),
    )


def _of_services(services: Collection[ServiceStatus]) -> Iterable[Cause]:
    nowhere = sorted({service.name for service in services if service.reason == NO_ADDRESS})
    if nowhere:
        yield Cause(
            kind="service",
            message=f"{several(nowhere)}: not registered: {NO_ADDRESS}",
            consequences=tuple(
                Consequence(kind="service", name=name, effect="unregistered") for name in nowhere
            ),
        )
    for service in services:
        if service.unreachable:
            effect = Consequence(kind="service", name=service.name, effect="unreachable")
            message = f"service {service.name}: {service.unreachable}"
            yield Cause(kind="service", name=service.name, message=message, consequences=(effect,))
