"""What each kind of file says, typed.

Every value has passed validation: names are names, ports are ports, durations are seconds,
sizes are bytes. What belongs to a plugin is kept as plain maps and lists for the plugin's own
validation.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from lighthouse.config.schema.access import ControlAccess
from lighthouse.config.schema.policy import Policy
from lighthouse.config.schema.web import WebSettings

CHECK_LOSS_AFTER: Final = 60.0
"""Seconds without a verdict after which a service counts as down, if its file says no other."""


class WorkerSettings(msgspec.Struct, frozen=True):
    """Limits of one worker process.

    ``user`` is the account it runs as (None: the supervisor's), ``memory`` bytes of resident
    memory after which it is restarted, the timeouts are seconds. ``processes`` (of its session),
    ``zombies`` (children that it does not reap), ``threads`` and ``descriptors`` are what it may
    have for longer than a moment, ``log_lines`` what it may write in a second.
    ``new_privileges``: one with a ``user`` may start programs that have more rights (sudo).
    """

    user: str | None = None
    memory: int = 512 * 1024 * 1024
    sync_timeout: float = 10.0
    stop_timeout: float = 5.0
    start_timeout: float = 15.0
    processes: int = 256
    zombies: int = 32
    threads: int = 1024
    descriptors: int = 4096
    log_lines: int = 100
    new_privileges: bool = False


class WebFile(msgspec.Struct, frozen=True):
    """The ``web`` section of ``lighthouse.yaml``: one more worker."""

    settings: WebSettings = WebSettings()
    worker: WorkerSettings = WorkerSettings()


class DaemonSettings(msgspec.Struct, frozen=True):
    """``lighthouse.yaml``.

    Paths are absolute, or relative to the tree. ``advertise`` is the address at which other
    hosts reach this one (None: that of the default route). ``metadata`` says what this host is
    (its zone). ``drain_delay`` is how many seconds the daemon lives on after a stop has
    deregistered everything. ``worker`` are the defaults for every worker. ``log_file`` None
    means stderr. ``control`` says who may ask the daemon, and who may have it act. ``web`` is
    None where no status page is served.
    """

    run_dir: Path | None = None
    state_dir: Path | None = None
    advertise: str | None = None
    metadata: dict[str, Any] = {}
    stop_timeout: float = 10.0
    drain_delay: float = 0.0
    deregister_on_stop: bool = True
    worker: WorkerSettings = WorkerSettings()
    log_file: Path | None = None
    log_level: str = "INFO"
    log_format: str = "text"
    control: ControlAccess = ControlAccess()
    web: WebFile | None = None


class PluginFile(msgspec.Struct, frozen=True):
    """A file of ``balancers/`` or ``discovery/``: one worker.

    ``name`` is the file's stem, ``plugin`` the entry point's name, ``config`` the rest of the
    file, for the plugin.
    """

    name: str
    plugin: str
    worker: WorkerSettings
    config: dict[str, Any]
    file: str


class ClusterFile(msgspec.Struct, frozen=True):
    """A file of ``clusters/``.

    ``discovery`` names one or more files of ``discovery/``, ``policy`` is what is made of what
    they say; ``sections`` holds what the file says to each balancer, by name. Its nodes are
    registered as those of ``registered_as`` (empty: under its own name), which other clusters
    may name too.
    """

    name: str
    discovery: tuple[str, ...]
    meta_cluster: str | None
    policy: Policy
    sections: dict[str, dict[str, Any]]
    file: str
    registered_as: str = ""

    @property
    def looked_up(self) -> str:
        """The name under which its discoveries know its nodes."""
        return self.registered_as or self.name


class CheckFile(msgspec.Struct, frozen=True):
    """One check of a service: the plugin's name, the schedule in seconds, and its config.

    ``rise`` and ``fall`` are how many equal results in a row change the verdict.
    """

    plugin: str
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 1
    fall: int = 1
    config: dict[str, Any] = {}


class DampingPolicy(msgspec.Struct, frozen=True):
    """A service may come back ``burst`` times at once, and once more ``every`` so many seconds."""

    burst: int = 5
    every: float = 30.0


class ServiceFile(msgspec.Struct, frozen=True):
    """A file of ``services/``.

    ``name`` is the cluster to join, ``host`` where checks connect, ``advertise`` the address
    to register (None: the daemon's), ``drain_delay`` seconds (None: the daemon's).
    ``flap_damping`` None lets it flap. ``on_check_loss`` is after how many seconds without a
    verdict of one of its checks it counts as down (None: it stays as it was).
    """

    name: str
    host: str
    ports: tuple[int, ...]
    discovery: tuple[str, ...]
    advertise: str | None
    weight: int
    metadata: dict[str, Any]
    checks: tuple[CheckFile, ...]
    file: str
    flap_damping: DampingPolicy | None = DampingPolicy()
    drain_delay: float | None = None
    on_check_loss: float | None = CHECK_LOSS_AFTER


class Config(msgspec.Struct, frozen=True):
    """The whole tree, the last good version of each file; services by their file's stem."""

    daemon: DaemonSettings = DaemonSettings()
    logging: dict[str, Any] | None = None
    balancers: dict[str, PluginFile] = {}
    discovery: dict[str, PluginFile] = {}
    clusters: dict[str, ClusterFile] = {}
    services: dict[str, ServiceFile] = {}
