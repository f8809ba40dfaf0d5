"""Which of the nodes that call themselves primary is the one to follow.

A database that is promoted begins a new timeline, with a higher number. A primary that comes back
after another one was promoted is on a lower one, and says all the same that it is the primary.
Nodes that publish no timeline are never compared: several primaries may be as it should be.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from lighthouse.node import Node
from lighthouse.text import several

PRIMARY: Final = "primary"

Timelines = Mapping[str, int]
"""The highest timeline that is known of each database system, by its identifier."""

NO_TIMELINES: Final[Timelines] = MappingProxyType({})


class Contest(msgspec.Struct, frozen=True):
    """``primaries`` are to be followed; of those with timelines that is one, or none.

    ``outdated`` call themselves primary on a timeline that has been left for a higher one,
    ``newest``; ``tied`` are several that nobody can tell apart, so that none of them is followed.
    """

    primaries: tuple[Node, ...] = ()
    outdated: tuple[Node, ...] = ()
    tied: tuple[Node, ...] = ()
    newest: int = 0

    @property
    def passed_over(self) -> frozenset[tuple[str, int]]:
        """The addresses of those that call themselves primary and are not followed."""
        return frozenset(node.key for node in (*self.outdated, *self.tied))

    @property
    def reason(self) -> str:
        """What an operator has to know and do, empty if there is nothing."""
        return "; ".join(filter(None, (self._of_tied(), self._of_outdated())))

    def why_not(self, key: tuple[str, int]) -> str:
        """Why the node of this address is not followed, empty if nothing here keeps it out."""
        if any(node.key == key for node in self.tied):
            return self._of_tied()
        return self._of_outdated() if any(node.key == key for node in self.outdated) else ""

    def _of_tied(self) -> str:
        if not self.tied:
            return ""
        names = " and ".join(sorted(node.name for node in self.tied))
        different = len({system(node) for node in self.tied}) > 1
        where = "of different databases" if different else f"on timeline {self.newest}"
        return f"{names} say that they are the primary {where}: none is followed until one stops"

    def _of_outdated(self) -> str:
        if not self.outdated:
            return ""
        names = several(sorted(node.name for node in self.outdated))
        said = "says that it is" if len(self.outdated) == 1 else "say that they are"
        told = (
            f"{names} {said} the primary, but timeline {self.newest} has begun elsewhere: not "
            "followed; make a replica of it or stop it"
        )
        if self.primaries or self.tied:
            return told
        return f"{told}, or, if that timeline is lost for good, run `lighthouse restart`"


def claims(node: Node) -> bool:
    """Return True if a node says that it is a primary."""
    return node.metadata.get("role") == PRIMARY


def timeline(node: Node) -> int | None:
    """The timeline that a node publishes, None if it publishes none."""
    value = node.metadata.get("timeline")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def system(node: Node) -> str:
    """The identifier of the database system that a node belongs to, empty if it tells none."""
    value = node.metadata.get("system")
    return value if isinstance(value, str) else ""


def newest(nodes: Iterable[Node], before: Timelines) -> dict[str, int]:
    """The highest timeline of each system, of what nodes publish and what was known before.

    A replica's counts as well: it is that of the primary from which it has received.
    """
    found = dict(before)
    for node in nodes:
        number = timeline(node)
        if number is not None:
            found[system(node)] = max(number, found.get(system(node), 0))
    return found


def contest(nodes: Iterable[Node], known: Timelines) -> Contest:
    """Who of the nodes is the primary, where ``known`` is what ``newest`` has found so far."""
    claiming = [node for node in nodes if claims(node)]
    if all(timeline(node) is None for node in claiming):
        return Contest(tuple(claiming))
    left = tuple(node for node in claiming if (timeline(node) or 0) >= _floor(node, known))
    left += tuple(node for node in claiming if node not in left and _rivals(node, left))
    outdated = tuple(node for node in claiming if node not in left)
    highest = max(_floor(node, known) for node in outdated or left)
    if len(left) > 1:
        return Contest((), outdated, left, highest)
    return Contest(left, outdated, (), highest)


def _rivals(node: Node, left: tuple[Node, ...]) -> bool:
    """Return True if one that tells no system may be as new as somebody who is left."""
    number = timeline(node) or 0
    return not system(node) and any(number >= (timeline(other) or 0) for other in left)


def _floor(node: Node, known: Timelines) -> int:
    """The timeline below which a node is outdated; who tells no system is compared to all."""
    its = system(node)
    comparable = known.values() if not its else (known.get(its, 0), known.get("", 0))
    return max(comparable, default=0)
