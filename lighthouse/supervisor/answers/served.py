"""What a deploy script waits for: that the balancers of this host serve a node, or none.

Asked of what each balancer has last made true, not of what is known by now: under constant
change the newest state is never the one that is served.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from lighthouse.ipc.control import GetServed, Served
from lighthouse.ipc.messages import decode_as
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part
from lighthouse.membership.combine import NodeKey
from lighthouse.node import Node
from lighthouse.supervisor.answers.withheld import NoTraffic, without_traffic
from lighthouse.supervisor.pool.doubt import idle_for
from lighthouse.supervisor.pool.worker import Worker
from lighthouse.supervisor.state import State, section_of

_SHOWN: Final = 300
"""Characters of a worker's own words."""


def served(state: State, pool: Iterable[Worker], question: GetServed) -> Served:
    """Why the balancers of a cluster are not yet as wanted; nothing if they are."""
    name, config = question.cluster, state.config
    if name not in config.clusters:
        names = ", ".join(sorted(config.clusters)) or "none"
        return Served(f"no cluster {name}; there are: {names}")
    cluster = config.clusters[name]
    users = [b.name for b in config.balancers.values() if section_of(cluster, b) is not None]
    if not users:
        return Served(f"no balancer of this host uses cluster {name}")
    if alike := _alike(state, question):
        return Served(f"{question.node} could be any of {alike}; name one by its address")
    workers = {worker.name: worker for worker in pool}
    lacking = [
        f"balancer {user}: {reason}"
        for user in users
        if (reason := lacks(state, workers.get(("balancer", user)), user, question))
    ]
    if not lacking:
        return Served()
    known = _known(state, question)
    return Served(waiting=(known,) if known else tuple(lacking))


def _known(state: State, question: GetServed) -> str:
    """What is not even known to the supervisor yet, empty if all is."""
    name, node = question.cluster, question.node
    view = state.memberships.views[name]
    discovery = ", ".join(state.config.clusters[name].discovery)
    if not view.known:
        text = f"no discovery ({discovery}) has answered for {name} yet"
        return f"{text}; `lighthouse explain {name}` tells why"
    if question.absent:
        found = [one for one in view.nodes if node is None or one.goes_by(node)]
        kept = {one.key for one in state.memberships.held_back(name)}
        held = [one for one in found if one.key in kept]
        if held:
            return f"the shrink guard holds {_called(held)} back in {name}"
        return f"{name} still has {_called(found[:5])}" if found else ""
    if node is not None and not any(one.goes_by(node) for one in view.nodes):
        text = f"{node} is none of the {len(view.nodes)} nodes of {name}"
        known = any(one.goes_by(node) for one in state.memberships.cluster_sources[name].combined)
        return f"{text}; `lighthouse explain {name} {node}` tells why" if known else text
    return ""


def lacks(state: State, worker: Worker | None, balancer: str, question: GetServed) -> str:
    """Why a balancer does not serve the cluster as wanted, empty if it does."""
    if worker is None or worker.life.state != "running":
        return "its worker does not run" + (f": {idle_for(worker)}" if worker else "")
    made, applied = worker.made, worker.applied
    part = _part(made.clusters, question.cluster) if isinstance(made, BalancerSnapshot) else None
    failed = applied is None or applied.kind == "failed" or question.cluster in worker.unmade
    current = state.part(balancer, question.cluster)
    if part is not None and not failed:
        quiet = without_traffic(worker, state.config.clusters[question.cluster])
        nodes = _nodes(part, question)
        if nodes is not None and _is_as_wanted(nodes, part, current, question, quiet):
            return ""
        named = question.node is not None and not question.absent
        if nodes and named and all(node.key in quiet for node in nodes):
            return str(quiet[nodes[0].key])
    if pin := state.pins.orders.words(("balancer", balancer)):
        return pin
    if applied is not None and applied.kind not in ("applied", "unchanged"):
        return f"{applied.kind}: {applied.reason}"[:_SHOWN]
    return "has not applied the newest nodes yet"


def _nodes(part: Part, question: GetServed) -> list[Node] | None:
    """The nodes of a part that are asked for; None if nobody knew them."""
    membership = decode_as(Membership, part.body)
    if not membership.known:
        return None
    nodes = decode_as(tuple[Node, ...], bytes(membership.nodes))
    return [node for node in nodes if question.node is None or node.goes_by(question.node)]


def _is_as_wanted(
    nodes: Iterable[Node],
    part: Part,
    current: Part | None,
    question: GetServed,
    quiet: Mapping[NodeKey, NoTraffic],
) -> bool:
    """Return True if one of the nodes gets traffic, or none is left with any."""
    if question.absent:
        return all(node.key in quiet and not quiet[node.key].drained for node in nodes)
    if question.node is None:
        return current is not None and part.revision == current.revision
    return any(node.key not in quiet for node in nodes)


def _alike(state: State, question: GetServed) -> str:
    """The nodes that share the ``host:port`` to wait for, empty if it means one or none."""
    if question.absent or question.node is None:
        return ""
    nodes = state.memberships.views[question.cluster].nodes
    found = [node for node in nodes if node.name == question.node]
    if len(found) < 2 or any(node.place == question.node for node in found):
        return ""
    return ", ".join(node.place for node in found)


def _called(nodes: Iterable[Node]) -> str:
    """The nodes by name, or by address where a name is not one node's alone."""
    found = list(nodes)
    count = Counter(node.name for node in found)
    return ", ".join(sorted(n.name if count[n.name] == 1 else n.place for n in found))


def _part(parts: Iterable[Part], name: str) -> Part | None:
    return next((part for part in parts if part.name == name), None)
