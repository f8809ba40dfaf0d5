"""The shrink guard: a cluster that loses much at once is held until that is confirmed.

One bad answer must not empty a balancer, and a guard must let go. What is new in a reading
is taken at once; only the loss is held back, until a fresh read has confirmed it and the
hold is over, or until three holds have passed without any answer.
"""

import msgspec

from lighthouse.config.kinds import Guard
from lighthouse.node import Node

PATIENCE = 3
"""Holds after which a loss is obeyed although no fresh read has come."""


class Held(msgspec.Struct, frozen=True):
    """A loss under suspicion, since when, and the number of the fresh read asked for."""

    since: float
    reread: int


class Members(msgspec.Struct, frozen=True):
    """The nodes that balancers are given, and the loss that is held back from them."""

    nodes: tuple[Node, ...] = ()
    held: Held | None = None
    held_back: tuple[str, ...] = ()


def judge(
    members: Members, observed: tuple[Node, ...], answer: int, now: float, guard: Guard
) -> Members:
    """The members after a reading, or after time has passed.

    ``observed`` is the newest reading, ``answer`` the number of the fresh read that it is.
    A result with ``held.reread`` above ``answer`` asks for a fresh read of that number.
    """
    present = {node.key for node in observed}
    lost = tuple(node for node in members.nodes if node.key not in present)
    if not lost or not _suspicious(len(lost), members, observed, guard):
        return Members(observed)
    held = members.held or Held(since=now, reread=answer + 1)
    over = now >= held.since + guard.hold
    if (over and answer >= held.reread) or now >= held.since + PATIENCE * guard.hold:
        return Members(observed)
    together = tuple(sorted((*observed, *lost), key=lambda node: node.key))
    return Members(together, held, tuple(node.name for node in lost))


def due(members: Members, answer: int, guard: Guard) -> float | None:
    """When ``judge`` has to be asked again though nothing new was read."""
    if members.held is None:
        return None
    answered = answer >= members.held.reread
    return members.held.since + guard.hold * (1 if answered else PATIENCE)


def _suspicious(lost: int, members: Members, observed: tuple[Node, ...], guard: Guard) -> bool:
    return not observed or lost > guard.share * len(members.nodes)
