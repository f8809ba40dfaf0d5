"""The whole status document, made of what the supervisor knows."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from lighthouse import __version__
from lighthouse.config.fault import Fault
from lighthouse.daemon.status_document import (
    ClusterStatus,
    ConfigFault,
    ServiceStatus,
    StatusDocument,
    SupervisorStatus,
    WorkerStatus,
)
from lighthouse.registration.services import NO_ADDRESS
from lighthouse.supervisor.answers.cluster_status import EncodedNodes, cluster_status, troubles
from lighthouse.supervisor.answers.service_status import overdue, provided, stated_maintenance
from lighthouse.supervisor.answers.worker_status import usage, worker_status
from lighthouse.supervisor.state import State
from lighthouse.supervisor.worker import Worker


class StatusReport:
    """``faults`` are those of the configuration, ``own`` the supervisor's own problems."""

    def __init__(
        self,
        root: Path,
        state: State,
        pool: Iterable[Worker],
        faults: Callable[[], Iterable[Fault]],
        own: Callable[[], Iterable[str]],
    ) -> None:
        self._root: Final = root
        self._state: Final = state
        self._pool: Final = pool
        self._faults: Final = faults
        self._own: Final = own
        self._started_at: Final = time.time()
        self._nodes: Final = EncodedNodes()

    def document(self) -> StatusDocument:
        """How everything is now."""
        faults = list(self._faults())
        found = sorted(self._pool, key=lambda worker: worker.name)
        workers = tuple(worker_status(worker) for worker in found)
        clusters = self._clusters()
        services = provided(self._state)
        problems = (*self._problems(faults, workers, clusters, services), *self._own())
        return StatusDocument(
            healthy=not problems,
            problems=problems,
            supervisor=self._supervisor(faults),
            workers=workers,
            clusters=clusters,
            services=services,
            maintenance=stated_maintenance(self._state),
        )

    def _problems(
        self,
        faults: Iterable[Fault],
        workers: Iterable[WorkerStatus],
        clusters: Iterable[ClusterStatus],
        services: tuple[ServiceStatus, ...],
    ) -> Iterable[str]:
        """Every reason for not being healthy, in words."""
        yield from (str(fault) for fault in faults if not fault.warning)
        for worker in workers:
            if not worker.healthy:
                yield f"{worker.kind} {worker.name}: {worker.reason}"
        for cluster in clusters:
            yield from (f"cluster {cluster.name}: {text}" for text in troubles(cluster))
        yield from overdue(services)
        nowhere = {service.name for service in services if service.reason == NO_ADDRESS}
        if nowhere:
            yield f"{', '.join(sorted(nowhere))}: not registered: {NO_ADDRESS}"
        for discovery in self._state.config.discovery:
            link = self._state.memberships.away(discovery)
            if link is not None:
                yield f"discovery {discovery}: {link.state}: {link.reason}"

    def _supervisor(self, faults: Iterable[Fault]) -> SupervisorStatus:
        rss, cpu = usage(os.getpid())
        return SupervisorStatus(
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            config_dir=str(self._root),
            config_errors=tuple(_fault(fault) for fault in faults if not fault.warning),
            config_warnings=tuple(_fault(fault) for fault in faults if fault.warning),
            guard_trips=self._state.memberships.trips,
            leaving=self._state.report.leaving,
            rss_bytes=rss,
            cpu_seconds=cpu,
        )

    def _clusters(self) -> tuple[ClusterStatus, ...]:
        memberships, names = self._state.memberships, self._state.config.clusters
        self._nodes.keep(names)
        now = time.monotonic()
        clock = time.time() - now
        return tuple(
            cluster_status(
                memberships, name, self._nodes.of(name, memberships.views[name]), now, clock
            )
            for name in sorted(names)
        )


def _fault(fault: Fault) -> ConfigFault:
    return ConfigFault(fault.file, fault.line, fault.column, fault.message)
