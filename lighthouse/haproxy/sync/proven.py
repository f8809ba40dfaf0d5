"""What is known to run: the skeleton that HAProxy has proven to serve, and its peers."""

import time

from lighthouse.haproxy.rendering import peers_section
from lighthouse.haproxy.rendering.readback import recover
from lighthouse.haproxy.rendering.render import Skeleton, generation_in
from lighthouse.haproxy.rendering.stanza import Stanza
from lighthouse.peer import Peer


class ProvenConfig:
    """``proven`` are the stanzas that run, ``peers`` those that they share tables with."""

    def __init__(self) -> None:
        self.frame: Skeleton | None = None
        self.proven: dict[str, Stanza] = {}
        self.peers: frozenset[Peer] = frozenset()
        self._strangers_since: float | None = None

    def recall(self, text: str, generation: str) -> None:
        """Take over what an earlier worker of ours has left: in this file, if it is that."""
        if not self.proven and generation and generation_in(text) == generation:
            self.proven = recover(text)
            self.peers = peers_section.standing(text)

    def forget(self) -> None:
        """Something else runs."""
        self.frame, self.proven, self.peers = None, {}, frozenset()

    def settle(self, frame: Skeleton) -> bool:
        """This skeleton is what runs; whether that is news."""
        if self.frame is frame:
            return False
        self.frame = frame
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
