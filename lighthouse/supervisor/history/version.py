"""One version of what a balancer serves, as it was applied."""

from collections.abc import Sequence
from itertools import compress
from operator import is_not
from typing import Literal

import msgspec

from lighthouse.balancer import Kind
from lighthouse.ipc.snapshot import BalancerSnapshot, Part

TriggerKind = Literal["observed", "file", "start", "order", "time"]
"""A discovery said something else; a file was changed; the daemon or the worker was started; an
operator ordered it; or it came with time (a hold ended, a source has been away for long)."""


class Trigger(msgspec.Struct, frozen=True):
    """Why there is a new version: ``name`` is a cluster's, a file's, or empty.

    ``discovery`` saw it, ``trace`` is that of the change, ``at`` is wall-clock seconds.
    """

    kind: TriggerKind
    at: float
    name: str = ""
    discovery: str = ""
    trace: str = ""


class AppliedVersion(msgspec.Struct, frozen=True):
    """``at`` is when it was applied, ``seconds`` how long the balancer took for it.

    ``reloads`` is how many reloads that took, None if its plugin does not count them;
    ``unnamed`` how many further triggers it had. ``weight`` is the bytes that it holds and the
    version before does not.
    """

    number: int
    plugin: str
    at: float
    outcome: Kind
    reason: str
    seconds: float
    reloads: int | None
    triggers: tuple[Trigger, ...]
    unnamed: int
    snapshot: BalancerSnapshot
    weight: int = 0


def weight(before: Sequence[Part], now: Sequence[Part]) -> int:
    """The bytes of the parts that are not shared."""
    if len(before) == len(now):
        return sum(len(part.body) for part in compress(now, map(is_not, now, before)))
    held = {id(part) for part in before}
    return sum(len(part.body) for part in now if id(part) not in held)


def replaced(before: Sequence[Part], now: Sequence[Part]) -> list[tuple[Part | None, Part | None]]:
    """The parts that differ, each with what it was, in the order of their names."""
    if len(before) == len(now):
        found = list(compress(zip(before, now, strict=True), map(is_not, before, now)))
        if all(was.name == part.name for was, part in found):
            return [(was, part) for was, part in found if was.body != part.body]
    old, new = {part.name: part for part in before}, {part.name: part for part in now}
    pairs = [(old.get(name), new.get(name)) for name in sorted(old.keys() | new.keys())]
    return [
        (was, part)
        for was, part in pairs
        if was is None or part is None or (was is not part and was.body != part.body)
    ]
