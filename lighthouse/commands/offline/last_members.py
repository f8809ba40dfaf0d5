"""Where the nodes of clusters are known from, without a daemon of one's own."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.config.schema.types import Config
from lighthouse.membership.view import View
from lighthouse.supervisor.saving.persistence import recall
from lighthouse.supervisor.state import State
from lighthouse.supervisor.store import SavedCluster

Origin = Literal["daemon", "recording", "state", "nobody"]


class LastMembers(msgspec.Struct, frozen=True):
    """What the running daemon knows, else what it knew last (None: there is no daemon).

    ``of`` is the tree of the daemon, if that is another one's; ``recording`` the file that it is
    from.
    """

    live: tuple[Cluster, ...] | None
    remembered: Mapping[str, SavedCluster] = {}
    seen: Mapping[str, float] = {}
    of: str = ""
    recording: str = ""

    @property
    def origin(self) -> Origin:
        if self.recording:
            return "recording"
        if self.live is not None:
            return "daemon"
        return "state" if self.remembered else "nobody"

    def age(self, now: float) -> float | None:
        """Seconds since the newest of what is remembered was read; ``now`` is wall-clock."""
        read_at = [remembered.read_at for remembered in self.remembered.values()]
        return max(0.0, now - max(read_at)) if self.origin == "state" else None

    def tell(self, state: State, config: Config, now: float) -> None:
        """Let a state know them, and the configuration; ``now`` is wall-clock seconds.

        A daemon's nodes are what came of its sources, and nothing more is made of them.
        """
        recall(state.memberships, self.remembered, self.seen, now)
        state.memberships.dictate(
            {c.name: View(tuple(c.nodes), c.known, c.stale) for c in self.live or ()}
        )
        state.configure(config, 0.0)


def unknown(state: State) -> list[str]:
    """The clusters whose nodes nobody knows."""
    return sorted(name for name, view in state.memberships.views.items() if not view.known)
