"""All that the page shows, kept up to date with the newest document."""

import asyncio
import secrets
import time
from typing import Any, Final

from lighthouse.daemon.history_document import parse_history
from lighthouse.daemon.status_document import ClusterStatus
from lighthouse.ipc.control import GetHistory, HistoryAnswer
from lighthouse.web import rows
from lighthouse.web.history import PageHistory
from lighthouse.web.newest import NewestStatus
from lighthouse.web.nodes import SortedNodes, listed
from lighthouse.web.questions import Questions
from lighthouse.web.timeline import Timeline
from lighthouse.web.versions import VersionedRows

SECTIONS: Final = ("faults", "clusters", "services", "workers", "changes")


class Board:
    """``epoch`` tells this board's versions from those of another worker before it."""

    def __init__(self, newest: NewestStatus, questions: Questions) -> None:
        self.epoch: Final = secrets.token_hex(4)
        self.versions: Final = VersionedRows()
        self._newest: Final = newest
        self._questions: Final = questions
        self._asking: asyncio.Task[None] | None = None
        self._behind = False  # the daemon's history has news that were not asked for yet
        self._history: Final = PageHistory()
        self._timeline: Final = Timeline()
        self._nodes: dict[str, SortedNodes] = {}
        self._clusters: dict[str, ClusterStatus] = {}
        newest.told = self.take

    def take(self) -> None:
        """Another document has come."""
        document, now = self._newest.document, time.time()
        self._history.take(document, now)
        self._clusters = {cluster.name: cluster for cluster in document.clusters}
        self._nodes = {name: self._nodes.get(name, SortedNodes()) for name in self._clusters}
        for name, cluster in self._clusters.items():
            self._nodes[name].take(cluster)
        self._behind |= self._timeline.take(document)
        if self._behind and (self._asking is None or self._asking.done()):
            self._behind = False
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        self._renew()

    async def _ask(self) -> None:
        """Have the daemon's history on the page."""
        reply, payload = await self._questions.ask(GetHistory())
        if not isinstance(reply, HistoryAnswer) or reply.error:
            self._behind = True
        else:
            self._timeline.tell(parse_history(payload))
            self._renew()
            self._newest.nudge()

    def _renew(self) -> None:
        document = self._newest.document
        self.versions.update(
            rows.head(document, self._history.well_since),
            {
                "faults": rows.fault_rows(document, self._history),
                "clusters": {
                    name: rows.cluster_row(cluster, self._nodes[name])
                    for name, cluster in self._clusters.items()
                },
                "services": rows.service_rows(document, self._history),
                "workers": rows.worker_rows(document, self._history),
                "changes": self._timeline.rows,
            },
        )

    def opened(self, name: str) -> dict[str, Any] | None:
        """One cluster with its nodes; None if there is none of that name."""
        cluster = self._clusters.get(name)
        if cluster is None:
            return None
        nodes = self._nodes[name]
        return {
            "name": name,
            "row": rows.cluster_row(cluster, nodes),
            "looked_up": cluster.looked_up,
            "combine": cluster.combine,
            "sources": [
                {
                    "discovery": one.discovery,
                    "nodes": one.nodes,
                    "read_at": one.read_at,
                    "away_seconds": one.away_seconds,
                    "used": one.used,
                    "stage": one.stage,
                }
                for one in cluster.sources
            ],
            "trips": cluster.guard.trips,
            "refused": [
                {"record": one.record, "reason": one.reason, "fault": one.fault}
                for one in cluster.refused
            ],
            "nodes": listed(cluster, nodes.nodes),
        }
