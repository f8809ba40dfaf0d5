"""Why each node of a cluster is in or out: every step between its source and the balancers.

A pure function of what is known; ``now`` is monotonic, ``clock`` what has to be added to it
for the wall clock's time.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from lighthouse.config.schema.policy import Failover, MetadataCondition, Percent
from lighthouse.daemon.explanation_document import (
    BalancerStatus,
    ExplanationDocument,
    NodeExplanation,
    RefusedExplanation,
)
from lighthouse.daemon.status_document import Cause, ServiceStatus
from lighthouse.ipc.control import GetServed
from lighthouse.membership import combine, selection
from lighthouse.membership.cluster_sources import ClusterSources
from lighthouse.membership.combine import NodeKey, Offer
from lighthouse.node import Node
from lighthouse.supervisor.answers import cluster_status, reach
from lighthouse.supervisor.answers.served import lacks
from lighthouse.supervisor.answers.service_status import provided
from lighthouse.supervisor.answers.withheld import Quiet, quiet
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State, section_of


class Unknown(LookupError):
    """There is no such cluster or node; the text says so."""


def document(
    state: State,
    pool: Iterable[Worker],
    causes: Collection[Cause],
    name: str,
    node: str,
    now: float,
    clock: float,
) -> ExplanationDocument:
    """All about a cluster, or about those of its nodes that ``node`` names; raises ``Unknown``.

    ``causes`` are what is wrong with the daemon, as its status tells. A node is named by its
    name, host, ip or ``ip:port``, a refused record by its own name.
    """
    cluster = _cluster(state, name)
    local = dict(_local(state, name))
    workers = _balancers(pool)
    unreached = reach.by_cluster(workers).get(name, [])
    nodes = _Nodes(cluster, now, quiet(state, workers, cluster), unreached, now + clock)
    found = tuple(each for each in nodes.all(local) if _is_meant(each, node))
    refused = tuple(_refused(cluster, node))
    if node and not found and not refused:
        raise Unknown(f"cluster {name!r} has no node {node!r}, and no source or service names it")
    return ExplanationDocument(
        cluster=name,
        looked_up=cluster.file.looked_up,
        known=cluster.view.known,
        stale=cluster.view.stale,
        held_back=tuple(sorted(one.name for one in cluster.guard.held_back)),
        combine=cluster_status.combine(cluster),
        default_nodes=cluster.stands_in,
        waits=cluster.waits,
        sources=cluster_status.sources(cluster, now),
        guard=cluster_status.guard(cluster, now, clock),
        links={
            d: cluster_status.connection(state.memberships, causes, d, clock)
            for d in cluster.file.discovery
        },
        balancers=tuple(_balancer(state, worker, name) for worker in workers),
        nodes=found,
        refused=refused,
    )


def _cluster(state: State, name: str) -> ClusterSources:
    cluster = state.memberships.cluster_sources.get(name)
    if cluster is None:
        known = ", ".join(sorted(state.config.clusters)) or "none"
        raise Unknown(f"there is no cluster {name!r}; there are: {known}")
    return cluster


class _Nodes:
    """Every node that anything knows of for one cluster, with the steps that it took."""

    def __init__(
        self,
        cluster: ClusterSources,
        now: float,
        quiet: Quiet,
        unreached: Iterable[reach.Unreached] = (),
        wall: float = 0.0,
    ) -> None:
        self._cluster: Final = cluster
        self._quiet: Final = quiet
        self._now: Final = now
        self._wall: Final = wall
        self._unreached: Final = [*unreached]
        self._policy: Final = cluster.file.policy
        self._served: Final = {node.key: node for node in cluster.view.nodes}
        self._combined: Final = {node.key: node for node in cluster.combined}
        self._offers: Final = [
            Offer(d, cluster.readings[d].reading.nodes, cluster.stages.get(d, "keep"))
            for d in cluster.file.discovery
            if d in cluster.readings
        ]
        self._records: Final = {
            offer.discovery: {node.key: node for node in offer.nodes} for offer in self._offers
        }
        used = [offer for offer in self._offers if cluster.is_used(offer.discovery)]
        self._owner: Final = combine.owners(used)
        left = combine.lessen(cluster.combined, used) if used else cluster.combined
        self._left: Final = {node.key: node for node in left}
        out = cluster.contest.passed_over
        met = [node for node in left if node.key not in out and self._unmet(node) is None]
        self._preferred: Final = selection.preferred(met, self._policy.selection.prefer)
        self._held_back: Final = frozenset(node.key for node in cluster.guard.held_back)

    def all(self, local: Mapping[NodeKey, ServiceStatus]) -> Iterator[NodeExplanation]:
        known: dict[NodeKey, Node] = {}
        for offer in self._offers:
            for node in offer.nodes:
                known.setdefault(node.key, node)
        known = self._combined | known
        known |= {node.key: node for node in self._policy.default_nodes if node.key not in known}
        for key in sorted(known.keys() | local.keys()):
            yield self._node(key, known.get(key), local.get(key))

    def _node(
        self, key: NodeKey, node: Node | None, local: ServiceStatus | None
    ) -> NodeExplanation:
        served = self._served.get(key)
        shown = served or node
        steps = [*self._steps(key, node, served)]
        if node is None:
            steps = ["no source names it: it is a service of this host that is not registered"]
        quiet = [told[key] for told in self._quiet.values() if served and key in told]
        everywhere = bool(quiet) and len(quiet) == len(self._quiet)
        is_in = served is not None and not (everywhere and not any(q.drained for q in quiet))
        return NodeExplanation(
            name=shown.name if shown else f"{key[0]}:{key[1]}",
            host=shown.host if shown else None,
            ip=key[0],
            port=key[1],
            is_in=is_in,
            weight=(0 if everywhere else served.weight) if served and is_in else None,
            reason=quiet[0].reason if everywhere else "",
            metadata=shown.metadata if shown else {},
            sources=tuple(self._naming(key)),
            steps=tuple(steps),
            local=local,
        )

    def _steps(self, key: NodeKey, node: Node | None, served: Node | None) -> Iterator[str]:
        if node is None:
            return
        for offer in self._offers:
            record = self._records[offer.discovery].get(key)
            if record is not None:
                yield self._named(offer, record)
                yield from (f"its record there: {note}" for note in record.notes)
        if key in self._held_back and key not in self._owner:
            yield "the source names it no more; the shrink guard holds its loss back"
        left = self._left.get(key)
        if key not in self._combined:
            yield from self._left_out(key)
        elif left is not None:
            yield from self._chosen(key, left, served)
        if served is not None and key not in self._combined:
            yield "it is a default node, and the cluster has no other node to serve"
        for balancer, told in self._quiet.items():
            if served is not None and key in told:
                yield f"balancer {balancer} {told[key]}"
        if served is not None:
            for balancer, one in self._unreached:
                if one.node == key:
                    since = "" if one.since is None else f" for {self._wall - one.since:.0f} s"
                    yield f"balancer {balancer} has not reached it{since}: {one.reason}"

    def _named(self, offer: Offer, record: Node) -> str:
        source = self._cluster.readings[offer.discovery]
        what = f"{offer.discovery} names it, with weight {record.weight}"
        away = self._cluster.away(offer.discovery)
        if away is None:
            return what
        seconds = max(0.0, self._now - away.since)
        told = f"has been away for {seconds:.0f} s" if source.live else "has not answered yet"
        text = f"{what}; {offer.discovery} {told}"
        match offer.stage:
            case "drain":
                return f"{text}, so its nodes take no new sessions"
            case "fence":
                return f"{text}, so its nodes are not served"
            case "withhold":
                return f"{text}; what it said {seconds:.0f} s ago is too old to be served"
        return f"{text}, and its last known nodes stay"

    def _left_out(self, key: NodeKey) -> Iterator[str]:
        named = self._naming(key)
        if named and isinstance(self._policy.combine, Failover):
            yield f"only {self._cluster.choice.discovery} is believed now, by order of failover"
        if not named and key not in self._served:
            yield "it is a default node, and not needed now"

    def _chosen(self, key: NodeKey, node: Node, served: Node | None) -> Iterator[str]:
        unmet = self._unmet(node)
        prefer = self._policy.selection.prefer
        if unmet is not None:
            yield selection.words_of(unmet)
        elif conflict := self._cluster.contest.why_not(key):
            yield f"not selected: {conflict}"
        elif self._preferred is not None and prefer is not None:
            has = selection.has(node, prefer.key, self._preferred)
            value = selection.shown(self._preferred)
            only = f"only nodes with {prefer.key} {value} are served"
            yield f"{only}, and it {'is' if has else 'is not'} one"
        elif prefer is not None:
            wanted = ", ".join(map(selection.shown, prefer.values)) or "any value"
            yield (
                f"fewer than {prefer.least} usable nodes have {prefer.key} {wanted}, "
                "so that all are served"
            )
        if served is not None and served.weight != node.weight:
            yield from self._weighed(key, node, served)
        if served is not None and served.weight == 0:
            yield "with weight 0 it takes no new sessions"

    def _weighed(self, key: NodeKey, node: Node, served: Node) -> Iterator[str]:
        owner, rule = self._owner.get(key), self._policy.combine
        if isinstance(rule, Percent) and owner is not None:
            share = rule.shares.get(owner.discovery, 0)
            yield (
                f"its weight {node.weight} became {served.weight}, so that all nodes of "
                f"{owner.discovery} have {share} % of the total"
            )

    def _naming(self, key: NodeKey) -> list[str]:
        """The sources that name a node now."""
        return [discovery for discovery, records in self._records.items() if key in records]

    def _unmet(self, node: Node) -> MetadataCondition | None:
        return selection.unmet(node, self._policy.selection.conditions)


def _is_meant(found: NodeExplanation, node: str) -> bool:
    ip, port = found.ip, found.port
    names = ("", found.name, found.host, ip, f"{ip}:{port}", f"[{ip}]:{port}")
    return node in names


def _local(state: State, cluster: str) -> Iterator[tuple[NodeKey, ServiceStatus]]:
    """This host's services that join the cluster, by the node that each would register."""
    services = {
        (s.file, port): (stem, s) for stem, s in state.config.services.items() for port in s.ports
    }
    for entry in provided(state):
        if entry.name == state.config.clusters[cluster].looked_up:
            stem, service = services[entry.file, entry.port]
            found = state.services.service(stem, service, entry.port)
            yield found.node.key if found else (state.services.host.name, entry.port), entry


def _refused(cluster: ClusterSources, node: str) -> Iterator[RefusedExplanation]:
    """The records that were not taken, or those of them that begin like a node's name."""
    for discovery, source in cluster.readings.items():
        for refusal in source.reading.refused:
            if refusal.record.startswith(node):
                yield RefusedExplanation(
                    discovery=discovery,
                    record=refusal.record,
                    reason=refusal.reason,
                    fault=refusal.is_fault,
                )


def _balancers(pool: Iterable[Worker]) -> list[Worker]:
    return sorted((c for c in pool if c.name[0] == "balancer"), key=lambda worker: worker.name)


def _balancer(state: State, worker: Worker, cluster: str) -> BalancerStatus:
    """Why a balancer has not made the cluster's present nodes true, if it has not."""
    name = worker.name[1]
    file = state.config.balancers.get(name)
    if file is not None and section_of(state.config.clusters[cluster], file) is None:
        reason = "the cluster's file has no section for it"
    elif not state.memberships.views[cluster].known:
        reason = "nobody has said yet who the nodes are: it leaves what runs as it is"
    else:
        reason = lacks(state, worker, name, GetServed(cluster))
    at = worker.applied_at if not reason else None
    return BalancerStatus(name=name, applied=not reason, applied_at=at, reason=reason)
