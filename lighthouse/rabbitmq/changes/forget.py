"""Whether a member may be forgotten: a pure decision, made of guards that all have to agree."""

from typing import Final

import msgspec

from lighthouse.rabbitmq.topology import Release, Topology, UnreadableAnswer, json_of

_REPLICATED: Final = ("quorum", "stream")


class Replicas(msgspec.Struct, frozen=True):
    """A queue with replicas: on which members, and which of them are there."""

    name: str
    members: tuple[str, ...]
    online: tuple[str, ...]

    def survives(self, victim: str) -> bool:
        """Return True if more than half of its replicas are there without the victim's."""
        there = {*self.online}.intersection(self.members) - {victim}
        return 2 * len(there) > len(set(self.members))


class Evidence(msgspec.Struct, frozen=True):
    """All that the decision goes by; what is not known is None, and forbids.

    ``seen``: the names of the snapshot, None unless it is fresh. ``absent`` and ``after``:
    seconds. ``quota``: how many more may be forgotten today.
    """

    me: str | None
    topology: Topology | None
    seen: frozenset[str] | None
    absent: dict[str, float]
    after: float
    quota: int
    queues: tuple[Replicas, ...] | None


def missing(evidence: Evidence) -> list[str]:
    """The members that have been absent long enough to be thought of, sorted."""
    if evidence.topology is None or evidence.seen is None:
        return []
    gone = evidence.topology.members - evidence.seen - {*evidence.topology.running_nodes}
    return sorted(name for name in gone if evidence.absent.get(name, 0.0) >= evidence.after)


def refusal(victim: str, evidence: Evidence) -> str:
    """Why a member must not be forgotten; empty if every guard agrees that it may be."""
    topology, seen, me = evidence.topology, evidence.seen, evidence.me
    if topology is None or me is None or me not in topology.running_nodes:
        return "it is not known how the cluster is"
    if seen is None:
        return "it is not known for sure who the nodes are: the source is away or empty"
    if victim in seen:
        return "it is in the snapshot"
    if evidence.absent.get(victim, 0.0) < evidence.after:
        return "it is not absent for long enough"
    if victim not in topology.members:
        return "it is no member"
    if victim in topology.running_nodes:
        return "it runs"
    if strangers := sorted({*topology.running_nodes} - seen):
        return f"{strangers[0]} runs and is not in the snapshot, which is not this cluster's then"
    if not topology.has_majority:
        return "no more than half of all members run"
    if topology.partitioned:
        return f"the cluster is partitioned ({', '.join(topology.partitioned)})"
    if topology.release(me) == Release():
        return "the broker does not say which release it is"
    if me != topology.running_nodes[0]:
        return f"that is for {topology.running_nodes[0]} to do, the first running node by name"
    if evidence.quota < 1:
        return "so many were forgotten within 24 hours already (max_per_day)"
    if evidence.queues is None:
        return "it is not known which queues have replicas on it"
    for queue in evidence.queues:
        if not queue.survives(victim):
            return f"the queue {queue.name!a} would have no majority without it"
    return ""


class _Queue(msgspec.Struct, frozen=True):
    name: str
    type: str
    members: list[str] | str = ""
    online: list[str] | str = ""


def replicas(printed: str) -> tuple[Replicas, ...]:
    """The replicated queues in what ``list_queues`` printed; raises ``UnreadableAnswer``.

    One whose replicas it does not tell is not overlooked.
    """
    try:
        found = msgspec.json.decode(json_of(printed), type=list[_Queue])
    except msgspec.DecodeError as error:
        raise UnreadableAnswer(f"list_queues is not the expected JSON ({error})") from error
    kept = [one for one in found if one.type in _REPLICATED]
    for one in kept:
        if not isinstance(one.members, list) or not isinstance(one.online, list):
            raise UnreadableAnswer(f"the queue {one.name!a} does not tell its replicas")
    return tuple(Replicas(one.name, tuple(one.members), tuple(one.online)) for one in kept)
