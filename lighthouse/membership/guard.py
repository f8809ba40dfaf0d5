"""The shrink guard: a cluster that shrinks much at once is held until that is confirmed.

One bad answer must not empty a balancer, and a guard must let go. Only the loss is held back,
what is new in a reading is taken at once. The cluster is read afresh after a while, and the
loss is obeyed when the hold is over, whether that read came or not. Only while no source can
be asked the hold stands still: then nothing can be confirmed, and what is to become of the
nodes is for the cluster's ``on_source_loss`` to say.

A reading is judged by its size, newcomers included, against the largest of the readings of
the last seconds. So nodes that vanish one by one within that time count together, and nodes
that come and go, or are replaced by as many others, are no loss.
"""

from typing import Final

import msgspec

from lighthouse.config.schema.policy import GuardPolicy
from lighthouse.node import Node

_ROUNDING: Final = 1e-6

Gone = tuple[Node, float]
"""A node whose loss was let pass, and when."""

Size = tuple[int, float]
"""How many nodes a reading named, and until when it was the newest."""


class HeldLoss(msgspec.Struct, frozen=True):
    """A loss under suspicion since ``since``: ``left`` nodes of ``whole`` remain.

    ``ran`` are the seconds of the hold as of ``at``, those in which it stood still left out;
    ``asked`` turns true when a fresh read is to be asked for.
    """

    since: float
    at: float
    whole: int
    left: int
    ran: float = 0.0
    paused: bool = False
    asked: bool = False


class GuardedNodes(msgspec.Struct, frozen=True):
    """The nodes to go on with, and the loss that is held back from them.

    ``sizes`` are those of the recent readings that were larger than every later one, ``gone``
    the nodes that went of late: they may be taken back when more follow.
    """

    nodes: tuple[Node, ...] = ()
    held: HeldLoss | None = None
    held_back: tuple[Node, ...] = ()
    gone: tuple[Gone, ...] = ()
    sizes: tuple[Size, ...] = ()


def judge(
    members: GuardedNodes,
    observed: tuple[Node, ...],
    now: float,
    guard: GuardPolicy | None,
    paused: bool = False,
) -> GuardedNodes:
    """The members after a reading, or after time has passed.

    ``observed`` is the newest reading, ``paused`` tells that no source can be asked.
    """
    if guard is None:
        return GuardedNodes(observed)
    if members.nodes is observed:
        return members
    present = {node.key for node in observed}
    lost = tuple(node for node in members.nodes if node.key not in present)
    sizes = _recent_sizes(members, len(observed), now, guard)
    gone = _recently_gone(members, present, now, guard)
    whole = max((size for size, _ in sizes), default=0)
    if not lost or whole - len(observed) <= guard.max_loss * whole + _ROUNDING:
        return GuardedNodes(observed, gone=(*gone, *((n, now) for n in lost)), sizes=sizes)
    held = _run_on(members.held, now, paused, whole, len(observed))
    if held.ran >= guard.obey_after - _ROUNDING:
        return GuardedNodes(observed)
    if held.ran >= guard.confirm_after - _ROUNDING and not paused:
        held = msgspec.structs.replace(held, asked=True)
    if members.held is None:
        room = max(0, whole - len(observed) - len(lost))
        lost = (*lost, *(node for node, _ in gone[len(gone) - min(room, len(gone)) :]))
    kept = tuple(sorted(lost, key=lambda node: node.key))
    together = tuple(sorted((*observed, *lost), key=lambda node: node.key))
    return GuardedNodes(together, held, kept, (), sizes)


def _recent_sizes(
    members: GuardedNodes, size: int, now: float, guard: GuardPolicy
) -> tuple[Size, ...]:
    """The sizes to judge by; while a loss is held, those as of its beginning."""
    if members.held is not None:
        return tuple(s for s in members.sizes if s[1] > members.held.since - guard.obey_after)
    before = len(members.nodes)
    recent = tuple(s for s in members.sizes if s[1] > now - guard.obey_after)
    if before <= size:
        return tuple(s for s in recent if s[0] > size)
    return (*(s for s in recent if s[0] > before), (before, now))


def _recently_gone(
    members: GuardedNodes, present: set[tuple[str, int]], now: float, guard: GuardPolicy
) -> tuple[Gone, ...]:
    young = now - guard.confirm_after
    return tuple(g for g in members.gone if g[1] >= young and g[0].key not in present)


def excuse(
    members: GuardedNodes, observed: tuple[Node, ...], withdrawn: frozenset[tuple[str, int]]
) -> GuardedNodes:
    """The members without those that this host has withdrawn itself: that is no loss to doubt."""
    if withdrawn.isdisjoint(node.key for node in members.nodes):
        return members
    present = {node.key for node in observed}
    excused = {node.key for node in members.nodes if node.key in withdrawn} - present
    return GuardedNodes(
        tuple(node for node in members.nodes if node.key not in excused),
        members.held,
        members.held_back,
        tuple(gone for gone in members.gone if gone[0].key not in excused),
        tuple((size - len(excused), until) for size, until in members.sizes),
    )


def due(members: GuardedNodes, guard: GuardPolicy | None) -> float | None:
    """When ``judge`` has to be asked again though nothing new was read."""
    held = members.held
    if held is None or guard is None or held.paused:
        return None
    return held.at - held.ran + (guard.obey_after if held.asked else guard.confirm_after)


def is_let_go(members: GuardedNodes, now: float, guard: GuardPolicy | None) -> bool:
    """Return True if a hold ends now because it has lasted, not because nodes came back."""
    held = members.held
    if held is None or guard is None:
        return True
    return _ran(held, now) >= guard.obey_after - _ROUNDING


def is_replaced(members: GuardedNodes, observed: tuple[Node, ...]) -> bool:
    """Return True if a reading names nodes, but none of several that were there before."""
    if len(members.nodes) < 2 or not observed or members.nodes is observed:
        return False
    return {node.key for node in observed}.isdisjoint(node.key for node in members.nodes)


def _run_on(held: HeldLoss | None, now: float, paused: bool, whole: int, left: int) -> HeldLoss:
    if held is None:
        return HeldLoss(now, now, whole, left, paused=paused)
    ran = _ran(held, now)
    return msgspec.structs.replace(held, at=now, ran=ran, paused=paused, left=left)


def _ran(held: HeldLoss, now: float) -> float:
    return held.ran + (0.0 if held.paused else now - held.at)
