"""Which replication slots a primary should have for its standbys: pure decisions."""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from lighthouse.node import Node

_MOST: Final = 63
_UNUSABLE: Final = re.compile(r"[^a-z0-9_]")


class Slot(msgspec.Struct, frozen=True):
    """A physical slot of the server. ``lost``: it was invalidated, its WAL is not kept any more.

    ``idle`` are seconds since it was last in use, None where the server does not tell.
    """

    name: str
    active: bool = False
    lost: bool = False
    idle: float | None = None


class SlotPlan(msgspec.Struct, frozen=True):
    """What to do, in this order: ``drop``, then ``create``; ``warning`` is for the operator."""

    drop: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    warning: str = ""


def slot_name(prefix: str, node: Node) -> str:
    """The name of a member's slot; members of different addresses have different ones."""
    plain = _UNUSABLE.sub("_", node.host.lower())
    name = f"{prefix}{plain}_{node.port}"
    if plain == node.host and len(name) <= _MOST:
        return name
    mark = hashlib.blake2b(node.name.encode(), digest_size=4).hexdigest()
    return f"{name[: _MOST - 9]}_{mark}"


def absences(
    slots: Collection[Slot],
    wanted: Collection[str],
    prefix: str,
    before: Mapping[str, float],
    now: float,
) -> dict[str, float]:
    """Since when each of our slots is that of nobody, by its name."""
    ours = [slot.name for slot in slots if slot.name.startswith(prefix)]
    return {name: before.get(name, now) for name in ours if name not in wanted}


def plan(
    slots: Collection[Slot],
    wanted: Collection[str],
    absent: Mapping[str, float],
    protected: Collection[str],
    ttl: float,
    now: float,
) -> SlotPlan:
    """What makes the slots those that are wanted, with the least that is lost.

    Dropped are slots in ``absent`` for longer than ``ttl`` seconds, and those that are wanted
    and ``lost``, to be made anew; never one that is in use, or that is ``protected``.
    """
    droppable = [slot for slot in slots if not slot.active and slot.name not in protected]
    lost = [slot.name for slot in droppable if slot.lost and slot.name in wanted]
    old = [
        slot.name
        for slot in droppable
        if slot.name in absent
        and now - absent[slot.name] > ttl
        and (slot.idle is None or slot.idle > ttl)
    ]
    there = {slot.name for slot in slots} - {*lost}
    missing = sorted(name for name in wanted if name not in there)
    warning = ""
    if lost:
        warning = (
            f"slots that were invalidated are made anew: {', '.join(sorted(lost))}; a standby "
            "that does not come back by itself needs WAL that is gone"
        )
    return SlotPlan(tuple(sorted([*lost, *old])), tuple(missing), warning)


def blocking(slots: Collection[Slot], protected: Collection[str]) -> str:
    """Why logical replication stands still (PostgreSQL 17 and newer); empty if it does not."""
    states = {slot.name: slot for slot in slots}
    for name in sorted(protected):
        slot = states.get(name)
        if slot is None or not slot.active or slot.lost:
            state = "missing" if slot is None else "lost" if slot.lost else "not in use"
            return (
                f"synchronized_standby_slots names {name}, which is {state}: logical replication "
                "waits for it without a word"
            )
    return ""
