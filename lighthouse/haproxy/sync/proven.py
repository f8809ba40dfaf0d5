"""What is known to run: the skeleton that HAProxy has proven to serve, and its peers.

Commands go to nothing else. That HAProxy has a section of a cluster's name proves nothing: it
may be an operator's own.
"""

import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from lighthouse.haproxy.rendering import peers_section
from lighthouse.haproxy.rendering.readback import recover
from lighthouse.haproxy.rendering.render import Skeleton, generation_in
from lighthouse.haproxy.rendering.stanza import Stanza
from lighthouse.peer import Peer

_NONE: Final[Mapping[str, Stanza]] = MappingProxyType({})


class ProvenConfig:
    """``proven`` are the stanzas that ran last as far as anybody knows, in ``generation``.

    ``peers`` are those that they share tables with.
    """

    def __init__(self) -> None:
        self.generation = ""
        self.frame: Skeleton | None = None
        self.proven: dict[str, Stanza] = {}
        self.peers: frozenset[Peer] = frozenset()
        self._strangers_since: float | None = None

    def recall(self, texts: Iterable[str], generation: str) -> None:
        """Learn what this generation is, if it is news, from one of these files that has it."""
        if not generation or generation == self.generation:
            return
        for text in texts:
            if generation_in(text) == generation:
                self.generation, self.frame = generation, None
                self.proven = recover(text)
                self.peers = peers_section.standing(text)
                return

    def owned(self, generation: str) -> Mapping[str, Stanza]:
        """The stanzas that an HAProxy of this generation has of us: what may be acted upon."""
        return self.proven if generation and generation == self.generation else _NONE

    def decides(self, after: Skeleton, backend: str, server: str) -> bool:
        """Return True if the state of a server that runs is ours to decide in the next worker.

        So it is in a section that was or will be a cluster's: what we put into maintenance
        must not stay there for whoever takes over the name. Servers of a section's own lines
        are an operator's, and an agent's word on states counts for more.
        """
        coming = next((stanza for stanza in after.stanzas if stanza.cluster == backend), None)
        stanza = coming or self.proven.get(backend)
        if stanza is None or stanza.owns(server):
            return False
        return coming is None or not stanza.agent

    def settle(self, frame: Skeleton) -> bool:
        """This skeleton is what runs; True if that is news."""
        if self.frame is frame:
            return False
        self.frame, self.generation = frame, frame.generation
        self.proven = {stanza.cluster: stanza for stanza in frame.stanzas}
        self.peers = frame.peers
        self._strangers_since = None
        return True

    def tolerated(self, peers: frozenset[Peer], hold: float) -> tuple[frozenset[Peer], float]:
        """The peers to configure now, and when to ask again.

        Those that run, as long as nobody is new, or new for less than ``hold`` seconds: a
        peer that has left does no harm, and HAProxy would have to be reloaded.
        """
        if peers <= self.peers:
            self._strangers_since = None
            return self.peers, float("inf")
        now = time.monotonic()
        if self._strangers_since is None:
            self._strangers_since = now
        due = self._strangers_since + hold
        return (peers, float("inf")) if now >= due else (self.peers, due)
