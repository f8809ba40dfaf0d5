"""The whole status document, made of what the supervisor knows."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from lighthouse import __version__
from lighthouse.config.fault import Fault
from lighthouse.daemon.causes import words
from lighthouse.daemon.status_document import (
    ClusterStatus,
    ConfigFault,
    StatusDocument,
    SupervisorStatus,
)
from lighthouse.daemon.worker_document import WorkerStatus
from lighthouse.supervisor.answers import reach
from lighthouse.supervisor.answers.causes import Judged, causes
from lighthouse.supervisor.answers.cluster_status import EncodedNodes, cluster_status
from lighthouse.supervisor.answers.service_status import provided, stated_maintenance
from lighthouse.supervisor.answers.withheld import withheld
from lighthouse.supervisor.answers.worker_status import (
    WorkerOrders,
    is_rejected,
    is_told_by_faults,
    order_status,
    usage,
    worker_status,
)
from lighthouse.supervisor.loop.internal_errors import InternalErrors
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State


class StatusReport:
    """``faults`` are those of the configuration, ``own`` the supervisor's own problems.

    ``ready`` tells whether every worker has answered since the start or the last reload.
    """

    def __init__(
        self,
        root: Path,
        state: State,
        pool: Iterable[Worker],
        faults: Callable[[], Iterable[Fault]],
        own: Callable[[], Iterable[str]],
        errors: InternalErrors,
        ready: Callable[[], bool],
    ) -> None:
        self._root: Final = root
        self._state: Final = state
        self._pool: Final = pool
        self._faults: Final = faults
        self._own: Final = own
        self._errors: Final = errors
        self._ready: Final = ready
        self._started_at: Final = time.time()
        self._nodes: Final = EncodedNodes()

    def document(self) -> StatusDocument:
        """How everything is now."""
        faults = list(self._faults())
        found = sorted(self._pool, key=lambda worker: worker.name)
        workers = tuple(self._worker(worker) for worker in found)
        clusters = self._clusters()
        services = provided(self._state)
        judged = Judged(
            frozenset(worker.name for worker in found if is_rejected(worker)),
            frozenset(worker.name for worker in found if is_told_by_faults(worker.applied)),
        )
        own = (*self._own(), *self._errors.problems(time.time()))
        found_causes = causes(faults, workers, judged, clusters, services, own)
        return StatusDocument(
            healthy=not found_causes,
            problems=tuple(words(cause) for cause in found_causes),
            causes=found_causes,
            supervisor=self._supervisor(faults),
            workers=workers,
            clusters=clusters,
            services=services,
            maintenance=stated_maintenance(self._state),
            pauses=tuple(order_status(order) for order in self._state.pauses.all()),
            pins=tuple(order_status(order) for order in self._state.pins.orders.all()),
        )

    def _worker(self, worker: Worker) -> WorkerStatus:
        pins, name = self._state.pins.orders, worker.name
        orders = WorkerOrders(self._state.pauses.of(name), pins.of(name), pins.words(name))
        return worker_status(worker, self._away(worker), orders)

    def _away(self, worker: Worker) -> str:
        """Why a discovery's worker cannot ask its source, empty if it can."""
        kind, name = worker.name
        link = self._state.memberships.connections.away(name) if kind == "discovery" else None
        return "" if link is None else f"{link.state}: {link.reason}"

    def _supervisor(self, faults: Iterable[Fault]) -> SupervisorStatus:
        rss, cpu = usage(os.getpid())
        return SupervisorStatus(
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            config_dir=str(self._root),
            ready=self._ready(),
            config_errors=tuple(_fault(fault) for fault in faults if not fault.warning),
            config_warnings=tuple(_fault(fault) for fault in faults if fault.warning),
            guard_trips=self._state.memberships.trips,
            internal_errors=self._errors.count,
            leaving=self._state.services.leaving,
            rss_bytes=rss,
            cpu_seconds=cpu,
        )

    def _clusters(self) -> tuple[ClusterStatus, ...]:
        memberships, names = self._state.memberships, self._state.config.clusters
        self._nodes.keep(names)
        now = time.monotonic()
        clock = time.time() - now
        made = {
            name: cluster_status(
                memberships, name, self._nodes.of(name, memberships.views[name]), now, clock
            )
            for name in sorted(names)
        }
        for name, found in withheld(self._pool).items():
            if name in made:
                made[name] = msgspec.structs.replace(made[name], withheld=tuple(found))
        unreached, wall = reach.by_cluster(self._pool), now + clock
        for name, missed in unreached.items():
            if name in made:
                made[name] = reach.told(made[name], memberships.views[name], missed, wall)
        return tuple(made.values())


def _fault(fault: Fault) -> ConfigFault:
    return ConfigFault(fault.file, fault.line, fault.column, fault.message)
