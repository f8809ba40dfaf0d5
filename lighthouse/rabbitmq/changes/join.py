"""Which cluster a node that stands alone may join: a pure decision."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from lighthouse.rabbitmq.topology import Release, Topology

_WITNESSES: Final = 2


class Witness(msgspec.Struct, frozen=True):
    """What another node says of the cluster that it is in."""

    name: str
    topology: Topology

    @property
    def stands_alone(self) -> bool:
        """Return True if it is in no cluster with anybody."""
        return self.topology.members == {self.name}


class JoinChoice(msgspec.Struct, frozen=True):
    """Whom to join, or why nobody; ``conflict``: a person has to decide."""

    target: str | None = None
    why: str = ""
    conflict: bool = False


def choose(
    me: str,
    own: Topology,
    seen: Collection[str] | None,
    witnesses: Sequence[Witness],
    holds: str,
) -> JoinChoice:
    """Whom node ``me`` may join.

    ``seen`` are the names of a fresh snapshot, None without one. ``witnesses`` are those of them
    that answered. ``holds`` is what the node holds, empty only if it is proven to be blank.
    """
    if seen is None or me not in seen or own.members != {me} or own.running_nodes != (me,):
        return JoinChoice(None, "" if own.members != {me} else _unlisted(me, seen))
    others = [one for one in witnesses if one.name != me and one.name in seen]
    if not others:
        return JoinChoice(None, "no other node answers: this one stands alone, and waits")
    if any(me in one.topology.members for one in others):
        told = f"the others have {me} as a member still, and it stands alone"
        return JoinChoice(None, f"{told}: it was wiped or forgotten, see the run-book", True)
    found = _target(me, others, set(seen) - {me} - {one.name for one in others})
    if found.target is not None and holds:
        told = f"{me} stands alone beside the cluster of {found.target}, and is not blank"
        return JoinChoice(None, f"{told}: {holds}. Joining would delete that", True)
    if found.target is not None and own.release(me) == Release():
        return JoinChoice(None, "the broker does not say which release it is: nothing is joined")
    return found


def _unlisted(me: str, seen: Collection[str] | None) -> str:
    if seen is None:
        return "nobody knows for sure who the other nodes are: nothing is joined"
    return "" if me in seen else f"{me} is not in the cluster's list itself: nothing is joined"


def _target(me: str, others: Sequence[Witness], silent: Collection[str]) -> JoinChoice:
    clusters = sorted(_agreed(others), key=lambda one: (-len(one), sorted(one)))
    if clusters:
        largest = [one for one in clusters if len(one) == len(clusters[0])]
        if len(largest) > 1:
            names = " and ".join(min(one) for one in largest)
            return JoinChoice(None, f"there are two clusters of that size, of {names}", True)
        return JoinChoice(min(one.name for one in others if _belongs(one, largest[0])))
    if not all(one.stands_alone for one in others) or silent:
        return JoinChoice(None, "no two of the other nodes agree on a cluster yet")
    lowest = min(one.name for one in others)
    if me < lowest:
        return JoinChoice(None, f"all stand alone, and {me} is the first by name: others join it")
    return JoinChoice(lowest)


def _belongs(one: Witness, cluster: frozenset[str]) -> bool:
    """Return True if a member says itself that it is one: it may have been wiped since."""
    topology = one.topology
    return one.name in cluster and topology.members == cluster and not topology.partitioned


def _agreed(others: Iterable[Witness]) -> set[frozenset[str]]:
    """The clusters of at least two, whole, of which two running members say the same."""
    groups: dict[frozenset[str], list[Witness]] = {}
    for one in others:
        members = one.topology.members
        if len(members) > 1 and one.topology.has_majority and not one.topology.partitioned:
            groups.setdefault(members, []).append(one)
    return {
        members
        for members, group in groups.items()
        if len(group) >= _WITNESSES
        and all({each.name for each in group} <= {*one.topology.running_nodes} for one in group)
    }
