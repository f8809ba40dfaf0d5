"""Servers of a backend that cannot be given any at run time: entries that stand ready.

A slot is an entry with a neutral name; a node that comes is seated on a free one through its
address and state, one that leaves vacates it. Who sits where is read from the running HAProxy,
so that nothing needs to be remembered.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from lighthouse.haproxy.rendering.server import Need, ServerLine

VACANT: Final = ("127.0.0.1", 1)
"""Where a slot leads that nobody sits on; it is disabled besides."""

_FEWEST: Final = 4
_NAME: Final = re.compile(r"slot([1-9][0-9]{0,8})(_[0-9a-f]{6})?")


class Seat(msgspec.Struct, frozen=True):
    """A slot as it runs."""

    ip: str
    port: int
    ready: bool


def seat(
    needs: Iterable[Need],
    options: tuple[str, ...],
    live: Mapping[str, Seat],
    spare: int | None,
) -> dict[str, ServerLine]:
    """The slots of one backend by name: one for each node, the vacant ones, and more if needed.

    Nodes keep their seats. New slots are added only if some node has none: one for each of
    those, and ``spare`` (at least a few, and half as many as there are nodes) for the next.
    """
    wanted = sorted(needs, key=lambda n: n.node.key)
    slots = {name: found for name in live if (found := _NAME.fullmatch(name))}
    seated = _kept(wanted, slots, live)
    sitting = {id(one) for one in seated.values()}
    standing = [one for one in wanted if id(one) not in sitting]
    free = sorted((n for n in slots if n not in seated), key=lambda n: _vacancy(live[n], n))
    vacant: dict[str, deque[str]] = {}
    for name in free:
        vacant.setdefault(slots[name][2] or "", deque()).append(name)
    number = max((_number(name) for name in slots), default=0)
    short = False
    for one in standing:
        place = vacant.get(one.mark)
        if place:
            seated[place.popleft()] = one
        else:
            number, short = number + 1, True
            seated[f"slot{number}{one.mark}"] = one
    if short or not slots:
        more = max(spare or _FEWEST, len(wanted) // 2 if spare is None else 0)
        free += [f"slot{n}" for n in range(number + 1, number + 1 + more)]
    usual = Counter(one.node.weight for one in wanted if one.node.weight).most_common(1)
    weight = usual[0][0] if usual else 1
    names = sorted({*seated, *free}, key=_number)
    return {
        name: _server(name, seated.get(name), options, weight, _own(name, wanted))
        for name in names
    }


def _kept(
    wanted: Iterable[Need], slots: Mapping[str, re.Match[str]], live: Mapping[str, Seat]
) -> dict[str, Need]:
    """The nodes that have a seat already, by its name; a ready one before one that is not."""
    by_address: dict[tuple[str, int, str], deque[str]] = {}
    for name in sorted(slots, key=lambda n: (not live[n].ready, _number(n))):
        key = (live[name].ip, live[name].port, slots[name][2] or "")
        by_address.setdefault(key, deque()).append(name)
    seated = {}
    for one in wanted:
        here = by_address.get((*one.node.key, one.mark))
        if here:
            seated[here.popleft()] = one
    return seated


def _server(
    name: str,
    one: Need | None,
    options: tuple[str, ...],
    weight: int,
    own: tuple[str, ...],
) -> ServerLine:
    words = (*options, *own)
    if one is None:
        return ServerLine(name, _number(name), *VACANT, weight, words, spare=True)
    node = one.node
    return ServerLine(name, _number(name), node.ip, node.port, node.weight, words)


def _own(name: str, wanted: Iterable[Need]) -> tuple[str, ...]:
    """The options that the mark in a slot's name stands for."""
    found = _NAME.fullmatch(name)
    mark = found[2] if found else None
    return next((one.options for one in wanted if one.mark == mark), ()) if mark else ()


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def _vacancy(there: Seat, name: str) -> tuple[bool, bool, int]:
    """Slots that were never used come first, those that still lead somewhere last."""
    return there.ready, (there.ip, there.port) != VACANT, _number(name)
