"""The members that a balancer keeps new traffic from, and why, in an operator's words."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lighthouse.config.schema.types import ClusterFile
from lighthouse.daemon.status_document import WithheldStatus
from lighthouse.membership.cluster_sources import ClusterSources
from lighthouse.membership.combine import NodeKey
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State, section_of


class NoTraffic(NamedTuple):
    """``reason`` is what the node is; ``drained``: it keeps the sessions that it has."""

    reason: str
    drained: bool

    def __str__(self) -> str:
        what = "new sessions" if self.drained else "traffic"
        return f"gives it no {what}: it is {self.reason}"


def without_traffic(worker: Worker, cluster: ClusterFile) -> dict[NodeKey, NoTraffic]:
    """The members of a cluster to which a balancer sends nothing new, as it last said."""
    said = worker.applied.withheld if worker.applied is not None else ()
    return {
        key: NoTraffic(f"{w.reason} by {cluster.file}" if w.asked else w.reason, w.drained)
        for w in said
        if w.cluster == cluster.name
        for key in w.nodes
    }


def withheld(pool: Iterable[Worker]) -> dict[str, list[WithheldStatus]]:
    """The same of all balancers, as the status tells it, by cluster."""
    found: dict[str, list[WithheldStatus]] = {}
    for worker in pool:
        for one in worker.applied.withheld if worker.applied is not None else ():
            nodes = tuple([_place(*node) for node in one.nodes])
            told = WithheldStatus(
                balancer=worker.name[1], reason=one.reason, drained=one.drained, nodes=nodes
            )
            found.setdefault(one.cluster, []).append(told)
    return found


def _place(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


Quiet = Mapping[str, Mapping[NodeKey, NoTraffic]]
"""By balancer that uses a cluster: the members that it keeps new traffic from."""


def quiet(state: State, workers: Iterable[Worker], cluster: ClusterSources) -> Quiet:
    """What each balancer that uses a cluster says of members that get nothing new."""
    files = state.config.balancers
    return {
        name: without_traffic(worker, cluster.file)
        for worker in workers
        if (name := worker.name[1]) in files and section_of(cluster.file, files[name]) is not None
    }
