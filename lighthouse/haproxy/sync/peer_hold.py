"""How long new peers wait for the reload that it takes to configure them."""

from typing import Final

from lighthouse.haproxy.rendering.render import Skeleton
from lighthouse.haproxy.sync.running import Running
from lighthouse.peer import Peer


class PeerHold:
    """Has those peers stay that run, as long as nobody is new, or new for less than ``hold`` s.

    A peer that has left does no harm, and HAProxy would have to be reloaded. ``due`` is when to
    ask again.
    """

    def __init__(self, hold: float) -> None:
        self._hold: Final = hold
        self._since: float | None = None
        self._frame: Skeleton | None = None
        self.due = float("inf")

    def peers(self, running: Running, known: frozenset[Peer], now: float) -> frozenset[Peer]:
        """The peers to configure now; ``known`` is everybody."""
        self.due = float("inf")
        if running.frame is not self._frame:
            self._frame, self._since = running.frame, None
        if known <= running.peers:
            self._since = None
            return running.peers
        if self._since is None:
            self._since = now
        due = self._since + self._hold
        if now >= due:
            return known
        self.due = due
        return running.peers
