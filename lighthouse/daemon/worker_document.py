"""One worker's part of the status document; see ``lighthouse.daemon.status_document``."""

from typing import Any

import msgspec


class SnapshotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The newest snapshot sent to a worker and the newest that it applied, by version.

    ``age_seconds`` is how long ago it applied that; ``behind_seconds`` how long what it was sent
    last has been waiting to be, None if it is not.
    """

    sent: int | None = None
    sent_at: float | None = None
    applied: int | None = None
    applied_at: float | None = None
    age_seconds: float | None = None
    behind_seconds: float | None = None
    outcome: str | None = None


class HistogramStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many took at most so many seconds (``bounds``) and longer than the bound before.

    ``counts`` has one more, of those beyond the last bound; ``sum`` is that of all, in seconds.
    """

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    sum: float = 0.0


class LatencyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from a change as observed to the same change applied.

    ``stages`` tells where that time went since the worker's first start: until the supervisor
    heard of it (``observed``), until it was in a snapshot that was sent (``supervisor``), until
    that was true (``applied``); and the ``total``.
    """

    p50: float | None = None
    p99: float | None = None
    count: int = 0
    stages: dict[str, HistogramStatus] = {}


class ExitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: for what ``reason``, by which ``signal`` or with what ``status``.

    ``reason`` is as in ``ends``, or ``stopped`` if nothing was wrong.
    """

    reason: str = ""
    status: int | None = None
    signal: str = ""
    at: float = 0.0


class BudgetLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker may take: bytes, counts, and lines that it may write in a second."""

    memory: int = 0
    processes: int = 0
    zombies: int = 0
    threads: int = 0
    descriptors: int = 0
    log_lines: int = 0


class OrderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's order about a worker: why, since when, until when and by whom.

    ``version`` is what a balancer is pinned to.
    """

    kind: str = ""
    name: str = ""
    reason: str = ""
    since: float | None = None
    until: float | None = None
    by: str = ""
    version: int | None = None


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The code that a worker runs, or could not load, and against what contract it is.

    ``entry_point`` is as its distribution has it, ``loaded`` the class, ``place`` FILE:LINE of
    that. ``faults`` are what it does against its contract, ``warnings`` what it does
    nevertheless without harm; each with what to do about it and where.
    """

    distribution: str = ""
    group: str = ""
    entry_point: str = ""
    loaded: str = ""
    place: str = ""
    interpreter: str = ""
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``reason`` is why it is not simply running, ``status`` what its plugin says of itself.

    ``package`` is the distribution whose code it runs, ``outdated`` what has become of that,
    ``refused`` why what is installed now was not taken.
    ``about`` tells of that code. ``stacks`` are those of its threads when it last hung.
    ``processes`` are those of its session, ended ones that nobody has reaped included, and
    ``zombies`` the ended children that it has not waited for itself;
    ``lines_left_out`` counts what it has written beyond its budget, ``limits``; ``warnings`` are
    of one that is nearly spent. ``ends`` counts the ends of its processes, and of those before
    them, by what ended them. ``cpu_share`` is of one processor, over the last seconds.
    ``paused`` says by whose order it does nothing, ``pinned`` by whose it serves an old version.
    ``counters`` are what a balancer's software has counted for each cluster.
    """

    kind: str = ""
    name: str = ""
    plugin: str = ""
    package: str = ""
    about: PluginStatus = PluginStatus()
    outdated: str = ""
    refused: str = ""
    pid: int | None = None
    state: str = ""
    healthy: bool = False
    reason: str = ""
    since: float | None = None
    restarts: int = 0
    last_exit: str = ""
    ends: dict[str, int] = {}
    last_end: ExitStatus | None = None
    paused: OrderStatus | None = None
    pinned: OrderStatus | None = None
    rss_bytes: int | None = None
    cpu_seconds: float | None = None
    cpu_share: float | None = None
    limits: BudgetLimits = BudgetLimits()
    warnings: tuple[str, ...] = ()
    processes: int = 0
    zombies: int = 0
    threads: int = 0
    descriptors: int = 0
    lines_left_out: int = 0
    snapshot: SnapshotStatus = SnapshotStatus()
    latency_ms: LatencyStatus = LatencyStatus()
    last_error: str = ""
    last_error_at: float | None = None
    last_error_traceback: str = ""
    traceback: str = ""
    stacks: str = ""
    status: dict[str, Any] = {}
    counters: dict[str, dict[str, int]] = {}
