"""The status document, typed, for those who read it; what a daemon leaves out has a default."""

from typing import Any

import msgspec


class ConfigFault(msgspec.Struct, frozen=True):
    file: str = ""
    line: int = 0
    column: int = 0
    message: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class SupervisorStatus(msgspec.Struct, frozen=True):
    pid: int = 0
    version: str = ""
    started_at: float | None = None
    config_dir: str = ""
    config_errors: tuple[ConfigFault, ...] = ()
    config_warnings: tuple[ConfigFault, ...] = ()
    rss_bytes: int | None = None
    leaving: bool = False


class Progress(msgspec.Struct, frozen=True):
    """The newest snapshot sent to a worker and the newest that it applied, by version."""

    sent: int | None = None
    applied: int | None = None
    applied_at: float | None = None


class LatencyStatus(msgspec.Struct, frozen=True):
    """Milliseconds from a change as observed to the same change applied."""

    p50: float | None = None
    p99: float | None = None
    count: int = 0


class Worker(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""
    plugin: str = ""
    pid: int | None = None
    state: str = ""
    healthy: bool = False
    reason: str | None = None
    restarts: int = 0
    last_exit: Any = None
    rss_bytes: int | None = None
    cpu_seconds: float | None = None
    snapshot: Progress = Progress()
    latency_ms: LatencyStatus = LatencyStatus()
    last_error: Any = None
    traceback: str = ""
    status: dict[str, Any] = {}


class RefusedStatus(msgspec.Struct, frozen=True):
    record: str = ""
    reason: str = ""


class SourceStatus(msgspec.Struct, frozen=True):
    """What one discovery makes of a cluster; ``stage`` is what its loss makes of its nodes."""

    discovery: str = ""
    answered: bool = True
    nodes: int | None = None
    away_seconds: float | None = None
    used: bool = True
    stage: str = "keep"


class TripStatus(msgspec.Struct, frozen=True):
    at: float = 0.0
    lost: int = 0
    of: int = 0
    ended_at: float | None = None
    outcome: str | None = None


class GuardStatus(msgspec.Struct, frozen=True):
    trips: int = 0
    last: TripStatus | None = None


class ClusterStatus(msgspec.Struct, frozen=True):
    name: str = ""
    discovery: tuple[str, ...] = ()
    known: bool = True
    stale: bool = False
    age_seconds: float | None = None
    held_back: Any = None
    combine: str = "union"
    default_nodes: bool = False
    sources: tuple[SourceStatus, ...] = ()
    guard: GuardStatus = GuardStatus()
    nodes: tuple[dict[str, Any], ...] = ()
    refused: tuple[RefusedStatus, ...] = ()


class CheckStatus(msgspec.Struct, frozen=True):
    plugin: str = ""
    passing: bool | None = None
    reason: str | None = None
    checked_at: float | None = None


class MaintenanceStatus(msgspec.Struct, frozen=True):
    """Why, since when, until when and by whom; a whole service's has no ``port``."""

    service: str = ""
    port: int | None = None
    reason: str = ""
    since: float | None = None
    until: float | None = None
    by: str = ""


class DampingStatus(msgspec.Struct, frozen=True):
    """What is held back now, empty if nothing is; how many reports were so far."""

    reason: str = ""
    since: float | None = None
    until: float | None = None
    held: int = 0
    changes_held: int = 0


class ServiceStatus(msgspec.Struct, frozen=True):
    name: str = ""
    port: int = 0
    up: bool | None = None
    maintenance: MaintenanceStatus | None = None
    damping: DampingStatus = DampingStatus()
    registered: Any = None
    reason: str | None = None
    checks: tuple[CheckStatus, ...] = ()


class StatusDocument(msgspec.Struct, frozen=True):
    """All that the daemon says of itself; ``problems`` are in words."""

    version: int = 1
    healthy: bool = False
    problems: tuple[str, ...] = ()
    supervisor: SupervisorStatus = SupervisorStatus()
    workers: tuple[Worker, ...] = ()
    clusters: tuple[ClusterStatus, ...] = ()
    services: tuple[ServiceStatus, ...] = ()
    maintenance: tuple[MaintenanceStatus, ...] = ()


def parse(text: bytes) -> StatusDocument:
    """The document in ``text``; raises ``msgspec.DecodeError`` if it is none."""
    return msgspec.json.decode(text, type=StatusDocument)
