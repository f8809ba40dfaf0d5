"""Which discoveries can be asked, as their workers say, if those run."""

from collections.abc import Set
from typing import Final

from lighthouse.membership.source import SourceConnection


class SourceConnections:
    """The connection of each discovery, as far as anything has been said of it."""

    def __init__(self) -> None:
        self._said: Final[dict[str, SourceConnection]] = {}
        self._idle: Final[dict[str, SourceConnection]] = {}

    def tell(self, discovery: str, link: SourceConnection) -> None:
        """Take what a worker says of its source; a state that it was in before goes on."""
        known = self._said.get(discovery)
        same = known is not None and known.state == link.state
        since = known.since if known is not None and same else link.since
        self._said[discovery] = SourceConnection(link.state, link.reason, since)

    def work(self, discovery: str, reason: str, now: float) -> None:
        """A discovery's worker runs, or ``reason`` says why it does not."""
        if not reason:
            self._idle.pop(discovery, None)
            return
        since = self._idle[discovery].since if discovery in self._idle else now
        told = f"its worker does not run: {reason}"
        self._idle[discovery] = SourceConnection("suspended", told, since)

    def keep(self, discoveries: Set[str]) -> None:
        """Forget all other discoveries."""
        for known in (self._said, self._idle):
            for discovery in known.keys() - discoveries:
                del known[discovery]

    def of(self, discovery: str) -> SourceConnection | None:
        """What is known of a discovery; one whose worker does not run is suspended."""
        return self._idle.get(discovery) or self._said.get(discovery)

    def away(self, discovery: str) -> SourceConnection | None:
        """The connection of a discovery whose worker says that its source does not answer."""
        link = self._said.get(discovery)
        return None if link is None or is_there(link) else link

    def present(self) -> list[str]:
        """The discoveries that can be asked."""
        return [d for d, link in self._said.items() if is_there(link) and d not in self._idle]


def is_there(link: SourceConnection | None) -> bool:
    """Return True if a discovery can be asked; one that has not said anything yet may be."""
    return link is None or link.state == "connected"
