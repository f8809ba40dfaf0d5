"""What a primary does for its standbys, where the operator has asked for it."""

import time
from typing import Final

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.postgresql import slots, synchronous
from lighthouse.postgresql.following import members, unusable
from lighthouse.postgresql.server import DatabaseServer, ServerState
from lighthouse.postgresql.settings import FollowSettings
from lighthouse.postgresql.synchronous import Membership

_UNLIMITED: Final = "-1"
_ENDLESS: Final = (
    "no slot is made while max_slot_wal_keep_size is -1: a standby that stays away would fill the "
    "disk of the primary; set it to what the disk can spare"
)


class StandbyCare:
    """Slots for the standbys of the cluster, and the list of those that a commit waits for."""

    def __init__(self, settings: FollowSettings, server: DatabaseServer) -> None:
        self._slots: Final = settings.slots
        self._synchronous: Final = settings.synchronous
        self._server: Final = server
        self._absent: dict[str, float] = {}
        self._members: Membership | None = None
        self.kept: list[str] = []
        """The names of our slots, those included that are to be made."""

    def tend(self, state: ServerState, cluster: Cluster) -> str:
        """Make and drop slots; what an operator has to know, empty if nothing.

        Raises ``ServerAway``. On a standby, what is left of a time as the primary goes.
        """
        if not self._slots.manage or unusable(cluster):
            return ""
        others, foreign = members(cluster, state.own)
        if foreign:
            return "slots stay as they are while the cluster has members of another database"
        if not others:
            return ""
        replicas = [node for node in others if node.metadata.get("role") == "replica"]
        wanted = {slots.slot_name(self._slots.prefix, node) for node in replicas}
        return self._tend(state, set() if state.standby else wanted)

    def own_slot(self, state: ServerState, cluster: Cluster, primary: Node) -> str:
        """The slot that this standby uses: only one that the primary says it has, else empty."""
        said = primary.metadata.get("slots")
        own = [node for node in cluster.nodes if state.own.is_at(node)]
        if not self._slots.manage or not own or not isinstance(said, str):
            return ""
        name = slots.slot_name(self._slots.prefix, own[0])
        return name if name in said.split(",") else ""

    def list_wanted(self, state: ServerState, cluster: Cluster) -> synchronous.SynchronousStep:
        """What becomes of the list of standbys that commits wait for; raises ``ServerAway``."""
        in_force = state.values.get(synchronous.SETTING, "")
        if not self._synchronous.manage:
            return synchronous.SynchronousStep({})
        if told := unusable(cluster):
            return synchronous.SynchronousStep({}, None, told)
        if self._members is None:
            self._members = synchronous.parse(in_force)
        others, _ = members(cluster, state.own)
        known = [_name(node) for node in others if node.metadata.get("role") == "replica"]
        streaming = self._server.senders()
        heard = {name.lower() for name in streaming}
        candidates = [name for name in known if name.lower() in heard]
        now = time.monotonic()
        step = synchronous.step(self._members, candidates, streaming, self._synchronous, now)
        self._members = step.members
        return step

    def forget(self) -> None:
        """It is no primary: what is known of the list is read anew when it is one again."""
        self._members = None

    def _tend(self, state: ServerState, wanted: set[str]) -> str:
        there, now = self._server.slots(), time.monotonic()
        prefix = self._slots.prefix
        self._absent = slots.absences(there, wanted, prefix, self._absent, now)
        protected = _listed(state.values.get("synchronized_standby_slots", ""))
        plan = slots.plan(there, wanted, self._absent, protected, self._slots.ttl, now)
        told = [plan.warning, slots.blocking(there, [] if state.standby else protected)]
        told += [self._server.drop_slot(name) for name in plan.drop]
        self.kept = sorted({slot.name for slot in there if slot.name.startswith(prefix)} | wanted)
        if plan.create and state.values.get("max_slot_wal_keep_size") == _UNLIMITED:
            told.append(_ENDLESS)
        else:
            told += [self._server.create_slot(name) for name in plan.create]
        return "; ".join(filter(None, told))


def _name(node: Node) -> str:
    """What a standby calls itself: its metadata may say so, else it is its host."""
    said = node.metadata.get("name")
    return said if isinstance(said, str) else node.host


def _listed(value: str) -> list[str]:
    """The slots that a setting names."""
    return [name for one in value.split(",") if (name := one.strip().strip('"'))]
