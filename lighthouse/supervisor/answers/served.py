"""Whether the balancers of this host serve what a deploy script waits for.

Asked of what each balancer has last made true, not of what is known by now: under constant
change the newest state is never the one that is served.
"""

from collections.abc import Iterable
from typing import Final

from lighthouse.ipc.control import GetServed, Served
from lighthouse.ipc.messages import decode_as
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part
from lighthouse.node import Node
from lighthouse.supervisor.state import State, section_of
from lighthouse.supervisor.worker import Worker

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
        return f"no discovery ({discovery}) has answered for {name} yet"
    if question.absent:
        found = [found.name for found in view.nodes if node is None or matches(found, node)]
        held = set(state.memberships.held_back(name)).intersection(found)
        if held:
            return f"the shrink guard holds {', '.join(sorted(held))} back in {name}"
        return f"{name} still has {', '.join(sorted(found)[:5])}" if found else ""
    if node is not None and not any(matches(found, node) for found in view.nodes):
        text = f"{node} is none of the {len(view.nodes)} nodes of {name}"
        known = any(
            matches(found, node) for found in state.memberships.cluster_sources[name].combined
        )
        return f"{text}; `lighthouse explain {name} {node}` tells why" if known else text
    return ""


def lacks(state: State, worker: Worker | None, balancer: str, question: GetServed) -> str:
    """Why a balancer does not serve the cluster as wanted, empty if it does."""
    if worker is None or worker.life.state != "running":
        return "its worker does not run" + (f": {worker.life.reason}" if worker else "")
    made, applied = worker.made, worker.applied
    part = _part(made.clusters, question.cluster) if isinstance(made, BalancerSnapshot) else None
    failed = applied is None or applied.kind == "failed" or question.cluster in worker.unmade
    current = state.part(balancer, question.cluster)
    if part is not None and not failed and _is_as_wanted(part, current, question):
        return ""
    if applied is not None and applied.kind not in ("applied", "unchanged"):
        return f"{applied.kind}: {applied.reason}"[:_SHOWN]
    return "has not applied the newest nodes yet"


def _is_as_wanted(part: Part, current: Part | None, question: GetServed) -> bool:
    membership = decode_as(Membership, part.body)
    nodes = decode_as(tuple[Node, ...], bytes(membership.nodes))
    if not membership.known:
        return False
    if question.node is None and not question.absent:
        return current is not None and part.revision == current.revision
    found = [node for node in nodes if question.node is None or matches(node, question.node)]
    return bool(found) != question.absent


def matches(node: Node, text: str) -> bool:
    """Whether a person means this node: host:port, ip:port, host or ip."""
    ip = f"[{node.ip}]" if ":" in node.ip else node.ip
    return text in (node.name, f"{ip}:{node.port}", node.host, node.ip)


def _part(parts: Iterable[Part], name: str) -> Part | None:
    return next((part for part in parts if part.name == name), None)
