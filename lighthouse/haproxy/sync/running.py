"""What is known to run: the configuration that HAProxy has proven to serve, as a value.

Commands go to nothing else. That HAProxy has a section of a cluster's name proves nothing: it
may be an operator's own.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from lighthouse.haproxy.rendering import peers_section
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.readback import recover
from lighthouse.haproxy.rendering.render import Skeleton, generation_in
from lighthouse.haproxy.rendering.stanza import Stanza, Stanzas
from lighthouse.peer import Peer

_NONE: Final[Mapping[str, Stanza]] = MappingProxyType({})


class ReloadReason(NamedTuple):
    """What a reload is for: by what it is counted, and in words."""

    kind: Literal["foreign", "clusters", "peers", "settings", "members"]
    words: str


class Running(msgspec.Struct, frozen=True):
    """``stanzas`` are those that ran last as far as anybody knows, in ``generation``.

    ``peers`` are those that they share tables with. ``frame`` is all of it; None if it is not
    this process that has seen it run.
    """

    generation: str = ""
    stanzas: Stanzas = _NONE
    peers: frozenset[Peer] = frozenset()
    frame: Skeleton | None = None

    @property
    def spots(self) -> frozenset[Spot]:
        """Where its clusters listen."""
        return frozenset(spot for one in self.stanzas.values() for spot in one.facts.spots)

    def owned(self, generation: str) -> Stanzas:
        """The stanzas that an HAProxy of this generation has of us: what may be acted upon."""
        return self.stanzas if generation and generation == self.generation else _NONE

    def decides(self, after: Skeleton, backend: str, server: str) -> bool:
        """Return True if the state of a server that runs is ours to decide in the next worker.

        So it is in a section that was or will be a cluster's: what we put into maintenance
        must not stay there for whoever takes over the name. Servers of a section's own lines
        are an operator's, and an agent's word on states counts for more.
        """
        coming = next((stanza for stanza in after.stanzas if stanza.cluster == backend), None)
        stanza = coming or self.stanzas.get(backend)
        if stanza is None or stanza.owns(server):
            return False
        return coming is None or not stanza.agent

    def difference(self, wanted: Skeleton, generation: str) -> ReloadReason:
        """What a reload to a skeleton is for; HAProxy runs this ``generation``."""
        ours = self.owned(generation)
        if not ours:
            return ReloadReason("foreign", "HAProxy runs another configuration")
        new = {stanza.cluster: stanza for stanza in wanted.stanzas}
        changed = [
            *(f"+{name}" for name in sorted(new.keys() - ours.keys())),
            *(f"-{name}" for name in sorted(ours.keys() - new.keys())),
            *(name for name in sorted(new.keys() & ours.keys()) if new[name] != ours[name]),
        ]
        if changed:
            words = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
            return ReloadReason("clusters", f"clusters: {words}")
        came = sorted(peer.name for peer in wanted.peers - self.peers)
        if came:
            return ReloadReason("peers", "peers: " + ", ".join(f"+{name}" for name in came))
        return ReloadReason("settings", "the balancer's settings")


def settled(frame: Skeleton) -> Running:
    """This skeleton is what runs."""
    stanzas = {stanza.cluster: stanza for stanza in frame.stanzas}
    return Running(frame.generation, stanzas, frame.peers, frame)


def recalled(known: Running, texts: Iterable[str], generation: str) -> Running:
    """What this generation is, if it is news, by the first of these files that has it.

    What is ``known`` stays so if none of them has it.
    """
    if not generation or generation == known.generation:
        return known
    for text in texts:
        if generation_in(text) == generation:
            return Running(generation, recover(text), peers_section.standing(text))
    return known
