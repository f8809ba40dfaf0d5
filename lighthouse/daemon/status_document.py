"""The status document, typed, for the side that writes it and the side that reads it.

Version 1, described in docs/operations.md. Times are wall-clock seconds, ages and CPU are
seconds, memory is bytes, latency is milliseconds. What another release leaves out has a default.
"""

from typing import Any, Final

import msgspec

from lighthouse.daemon.worker_document import OrderStatus, WorkerStatus

VERSION: Final = 1

NO_NODES: Final = msgspec.Raw(b"[]")


class ConfigFault(msgspec.Struct, frozen=True):
    file: str = ""
    line: int = 0
    column: int = 0
    message: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class SupervisorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``ready`` once every worker has answered since the start, or has said why it cannot.

    ``guard_trips`` are those of all clusters in this run.
    ``internal_errors`` counts what should not have happened inside the daemon, which went on.
    """

    pid: int = 0
    version: str = ""
    started_at: float | None = None
    config_dir: str = ""
    ready: bool = True
    config_errors: tuple[ConfigFault, ...] = ()
    config_warnings: tuple[ConfigFault, ...] = ()
    guard_trips: int = 0
    internal_errors: int = 0
    leaving: bool = False
    rss_bytes: int | None = None
    cpu_seconds: float | None = None


class RefusedStatus(msgspec.Struct, frozen=True):
    """``fault`` is false for what was never meant to be a record, as an empty znode."""

    record: str = ""
    reason: str = ""
    fault: bool = True


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What one discovery makes of a cluster; ``stage`` is what its loss makes of its nodes.

    ``away_seconds`` is since its last sign of life, None while it is there; ``read_at`` is when
    it last said something else than before.
    """

    discovery: str = ""
    answered: bool = True
    nodes: int | None = None
    read_at: float | None = None
    away_seconds: float | None = None
    used: bool = True
    stage: str = "keep"


class TripStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One loss that the shrink guard held back: ``lost`` nodes ``of`` so many."""

    at: float = 0.0
    lost: int = 0
    of: int = 0
    source: str | None = None
    ended_at: float | None = None
    outcome: str | None = None


class HoldStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A loss that is held back now; ``obeyed_in`` is None while its source is away."""

    source: str | None = None
    since: float = 0.0
    obeyed_in: float | None = None


class GuardStatus(msgspec.Struct, frozen=True, kw_only=True):
    trips: int = 0
    last: TripStatus | None = None
    holds: tuple[HoldStatus, ...] = ()


class WithheldStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes, as IP:PORT, that a balancer gives no traffic; ``drained``: no new sessions."""

    balancer: str = ""
    reason: str = ""
    drained: bool = False
    nodes: tuple[str, ...] = ()


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``notes`` say what of its record was left out or converted."""

    name: str = ""
    host: str = ""
    ip: str = ""
    port: int = 0
    weight: int = 1
    metadata: dict[str, Any] = {}
    notes: tuple[str, ...] = ()


class UnreachableStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is served though a balancer's own checks, from this host, find it down."""

    name: str = ""
    ip: str = ""
    port: int = 0
    balancer: str = ""
    reason: str = ""
    since: float | None = None


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``nodes`` is a list of ``NodeStatus`` as JSON, for a fleet has many that seldom change.

    ``age_seconds`` is how old what is known may be (0 while its sources are there, None: nobody
    knows anything), ``changed_at`` when a source last said something else than before.
    ``looked_up`` is the name under which its sources know it. ``primary_conflict`` tells why a
    node that says that it is the primary is not followed. ``unreachable`` are the first of
    ``unreachable_nodes``; ``unreached_by`` is a balancer that has reached none for a while.
    ``withheld`` are nodes that balancers keep traffic from.
    """

    name: str = ""
    looked_up: str = ""
    discovery: tuple[str, ...] = ()
    known: bool = True
    stale: bool = False
    age_seconds: float | None = None
    changed_at: float | None = None
    held_back: tuple[str, ...] = ()
    combine: str = "union"
    default_nodes: bool = False
    waits: bool = False
    primary_conflict: str = ""
    sources: tuple[SourceStatus, ...] = ()
    guard: GuardStatus = GuardStatus()
    nodes: msgspec.Raw = NO_NODES
    withheld: tuple[WithheldStatus, ...] = ()
    refused: tuple[RefusedStatus, ...] = ()
    unreachable: tuple[UnreachableStatus, ...] = ()
    unreachable_nodes: int = 0
    unreached_by: str = ""


class CheckStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``checked_at`` is when it had its newest result, ``changed_at`` when its verdict changed.

    ``overdue`` tells that there should have been another result by now: then what it says of the
    service is not known any more (``passing`` is None).
    """

    plugin: str = ""
    passing: bool | None = None
    reason: str = ""
    checked_at: float | None = None
    changed_at: float | None = None
    overdue: bool = False


class RegistrationStatus(msgspec.Struct, frozen=True, kw_only=True):
    discovery: str = ""
    registered: bool = False
    reason: str = ""


class MaintenanceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Why, since when, until when and by whom."""

    reason: str = ""
    since: float | None = None
    until: float | None = None
    by: str = ""


class StatedMaintenance(MaintenanceStatus, frozen=True, kw_only=True):
    """The same with what it is about; a whole service's has no ``port``."""

    service: str = ""
    port: int | None = None


class DampingStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is held back now, empty if nothing is; how many reports were so far."""

    reason: str = ""
    since: float | None = None
    until: float | None = None
    held: int = 0
    changes_held: int = 0


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One port of a service; ``registered`` means in all of its discoveries.

    ``unreachable`` says why no other host reaches it where it is registered.
    """

    name: str = ""
    file: str = ""
    port: int = 0
    up: bool | None = None
    maintenance: MaintenanceStatus | None = None
    damping: DampingStatus = DampingStatus()
    registered: bool = False
    registrations: tuple[RegistrationStatus, ...] = ()
    reason: str = ""
    unreachable: str = ""
    checks: tuple[CheckStatus, ...] = ()


class Consequence(msgspec.Struct, frozen=True, kw_only=True):
    """What a cause does to a cluster, a service or a worker; see ``lighthouse.daemon.causes``."""

    kind: str = ""
    name: str = ""
    effect: str = ""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and all that follows from it.

    ``kind`` and ``name`` say what it is about: a ``file``, a worker (``discovery``, ``balancer``
    or ``check``), a ``cluster``, a ``service``, or the ``supervisor`` itself. ``places`` are
    where else the same is seen.
    """

    kind: str = ""
    name: str = ""
    message: str = ""
    places: tuple[str, ...] = ()
    consequences: tuple[Consequence, ...] = ()


class StatusDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All that the daemon says of itself; ``problems`` are the causes in words.

    ``pauses`` are of all workers that an operator has paused, configured or not, ``pins`` of
    balancers that are to serve an earlier version.
    """

    version: int = VERSION
    healthy: bool = False
    problems: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    supervisor: SupervisorStatus = SupervisorStatus()
    workers: tuple[WorkerStatus, ...] = ()
    clusters: tuple[ClusterStatus, ...] = ()
    services: tuple[ServiceStatus, ...] = ()
    maintenance: tuple[StatedMaintenance, ...] = ()
    pauses: tuple[OrderStatus, ...] = ()
    pins: tuple[OrderStatus, ...] = ()


def parse(text: bytes) -> StatusDocument:
    """The document in ``text``; raises ``msgspec.DecodeError`` if it is none."""
    return msgspec.json.decode(text, type=StatusDocument)


def node_count(cluster: ClusterStatus) -> int:
    """The number of a cluster's nodes, of which nothing else is decoded."""
    return len(msgspec.json.decode(cluster.nodes, type=list[msgspec.Raw]))
