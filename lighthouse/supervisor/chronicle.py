"""Notes what happens to balancers: how long changes take, which versions there were and why."""

import math
import time
from collections.abc import Iterable
from typing import Final

from lighthouse.config.schema.types import ClusterFile, Config, PluginFile
from lighthouse.ipc.messages import Applied, Message, Observed
from lighthouse.ipc.snapshot import BalancerSnapshot
from lighthouse.supervisor.dispatch import Effect
from lighthouse.supervisor.history.keeper import HistoryKeeper
from lighthouse.supervisor.history.recorder import HistoryRecorder, SentSnapshot
from lighthouse.supervisor.history.version import Trigger
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import Store


class Chronicle:
    """The histories of all balancers; what it costs for a change does not depend on their size."""

    def __init__(self, state: State, cache: Store) -> None:
        self._state: Final = state
        self.recorder: Final = HistoryRecorder()
        self._keeper: Final = HistoryKeeper(self.recorder, cache)

    def restore(self) -> None:
        """Start from what an earlier run left."""
        self._keeper.restore()

    def take(
        self, pool: Iterable[Worker], worker: Worker, message: Message, effect: Effect, now: float
    ) -> None:
        """A worker said something, with that effect."""
        if isinstance(message, Observed) and "latency" in effect.stale:
            for other in pool:
                if other.name[0] == "balancer" and not other.paused:
                    other.record.latency.observed(message.observed_at, now)
            seen = (worker.name[1], message.trace)
            self._note(Trigger("observed", time.time(), message.cluster, *seen))
        elif isinstance(message, Applied) and worker.name[0] == "balancer":
            sent = _sent(worker)
            if sent is not None:
                self.recorder.applied(sent, message)

    def configured(self, before: Config, config: Config) -> None:
        """Other files are in force than before."""
        self.recorder.keep(config.balancers)
        now = time.time()
        for file in _changed(before, config):
            self._note(Trigger("file", now, file))

    def ordered(self, balancer: str, what: str) -> None:
        """An operator has ordered something about a balancer."""
        self.recorder.note((balancer,), Trigger("order", time.time(), what))

    def write(self, within: float = math.inf) -> None:
        """Have on disk what is not, as much as can be in so many seconds."""
        self._keeper.write(within)

    def _note(self, trigger: Trigger) -> None:
        self.recorder.note(self._state.config.balancers, trigger)


def _sent(worker: Worker) -> SentSnapshot | None:
    """What a balancer was sent last, None if it was nothing."""
    snapshot, at = worker.snapshot, worker.sent_at
    if not isinstance(snapshot, BalancerSnapshot) or at is None or worker.process is None:
        return None
    return SentSnapshot(
        worker.name[1],
        worker.plugin,
        worker.process.pid,
        worker.version,
        at,
        worker.record.latency.sent_at,
        snapshot,
    )


def _changed(before: Config, config: Config) -> list[str]:
    """The files of clusters and balancers that came, went or say something else."""
    old, new = _files(before), _files(config)
    return sorted(file for file in old.keys() | new.keys() if old.get(file) != new.get(file))


def _files(config: Config) -> dict[str, ClusterFile | PluginFile]:
    found: dict[str, ClusterFile | PluginFile] = {}
    found.update({file.file: file for file in config.clusters.values()})
    found.update({file.file: file for file in config.balancers.values()})
    return found
