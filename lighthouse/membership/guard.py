"""The shrink guard: a cluster that loses much at once is held until that is confirmed.

One bad answer must not empty a balancer, and a guard must let go. What is new in a reading
is taken at once; only the loss is held back. It is read afresh after a while, and obeyed when
the hold is over, whether that read came or not. Only while no source can be asked the hold
stands still: then nothing can be confirmed, and what is to become of the nodes is for the
cluster's ``on_source_loss`` to say.

Nodes seldom vanish in one piece, even if they vanish together: losses that were let pass a
moment ago count along with a new one, and the youngest of them are taken back with it.
"""

from typing import Final

import msgspec

from lighthouse.config.policy import GuardPolicy
from lighthouse.node import Node

_ROUNDING: Final = 1e-6

Gone = tuple[Node, float]
"""A node whose loss was let pass, and when."""


class HeldLoss(msgspec.Struct, frozen=True):
    """A loss under suspicion since ``since``.

    ``ran`` are the seconds of the hold as of ``at``, those in which it stood still left out;
    ``asked`` turns true when a fresh read is to be asked for.
    """

    since: float
    at: float
    ran: float = 0.0
    paused: bool = False
    asked: bool = False


class GuardedNodes(msgspec.Struct, frozen=True):
    """The nodes to go on with, and the loss that is held back from them."""

    nodes: tuple[Node, ...] = ()
    held: HeldLoss | None = None
    held_back: tuple[str, ...] = ()
    gone: tuple[Gone, ...] = ()


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
    if guard is None or (members.nodes is observed and not members.gone):
        return GuardedNodes(observed)
    present = {node.key for node in observed}
    lost = tuple(node for node in members.nodes if node.key not in present)
    recent = (members.held.since if members.held else now) - guard.obey_after
    gone = tuple(
        (node, at) for node, at in members.gone if at > recent and node.key not in present
    )
    whole = len(members.nodes) + len(gone)
    if len(lost) + len(gone) <= guard.max_loss * whole + _ROUNDING or not lost:
        return GuardedNodes(observed, gone=(*gone, *((node, now) for node in lost)))
    if members.held is None:
        young = now - guard.confirm_after
        lost = (*lost, *(node for node, at in gone if at >= young))
        gone = tuple((node, at) for node, at in gone if at < young)
    held = _run_on(members.held, now, paused)
    if held.ran >= guard.obey_after - _ROUNDING:
        return GuardedNodes(observed)
    if held.ran >= guard.confirm_after - _ROUNDING and not paused:
        held = msgspec.structs.replace(held, asked=True)
    together = tuple(sorted((*observed, *lost), key=lambda node: node.key))
    return GuardedNodes(together, held, tuple(sorted(node.name for node in lost)), gone)


def due(members: GuardedNodes, guard: GuardPolicy | None) -> float | None:
    """When ``judge`` has to be asked again though nothing new was read."""
    held = members.held
    if held is None or guard is None or held.paused:
        return None
    return held.at - held.ran + (guard.obey_after if held.asked else guard.confirm_after)


def is_let_go(members: GuardedNodes, now: float, guard: GuardPolicy | None) -> bool:
    """Whether a hold ends now because it has lasted; else it ends because nodes came back."""
    held = members.held
    if held is None or guard is None:
        return True
    return _run_on(held, now, held.paused).ran >= guard.obey_after - _ROUNDING


def _run_on(held: HeldLoss | None, now: float, paused: bool) -> HeldLoss:
    if held is None:
        return HeldLoss(since=now, at=now, paused=paused)
    ran = held.ran + (0.0 if held.paused else now - held.at)
    return msgspec.structs.replace(held, at=now, ran=ran, paused=paused)
