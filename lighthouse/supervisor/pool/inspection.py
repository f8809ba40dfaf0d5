"""A look at what a worker takes of its host, now and again."""

import logging
import time
from typing import Final

from lighthouse.supervisor.pool.cost.process_counts import ProcessCounts
from lighthouse.supervisor.pool.life.fault import exceeded
from lighthouse.supervisor.pool.life.lifecycle import Ending
from lighthouse.supervisor.pool.process_watch import ProcessWatch
from lighthouse.supervisor.pool.worker import Worker

_log: Final = logging.getLogger("lighthouse.supervisor")


class Inspection:
    """Bounds what workers take, and says beforehand of what comes near to a bound."""

    def __init__(self, watch: ProcessWatch) -> None:
        self._watch: Final = watch
        self._counts: Final = ProcessCounts()

    def look_at(self, worker: Worker) -> None:
        """End it if it has taken too much; an end that nobody has told of is noticed here."""
        now = time.monotonic()
        if worker.process is None:
            worker.miss(now)
        elif worker.process.ended:
            self._watch.exited(worker, worker.process)
        else:
            before = {*worker.budget.near}
            taken, flood = self._counts.use(worker.process.pid), worker.process.journal.flood(now)
            reason = worker.budget.judge(taken, now, flood)
            if reason:
                why: Ending = "memory" if taken.memory > worker.settings.memory else "budget"
                worker.oversteps(exceeded(reason, worker.code.source), now, why)
                return
            for what, warning in worker.budget.near.items():
                if what not in before:
                    _log.warning("%s: %s", " ".join(worker.name), warning)

    def count(self) -> None:
        """Count the processes of every session, the workers' among them, and what they leave."""
        self._counts.count(self._watch.pids)
