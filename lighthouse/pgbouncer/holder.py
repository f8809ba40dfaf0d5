"""Holds clients at PgBouncer, and lets them go on: what ``hold`` decides is done here."""

import contextlib
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.net.connection import Deadline
from lighthouse.pgbouncer import hold, probe
from lighthouse.pgbouncer.console import AdminConsole, Declined
from lighthouse.pgbouncer.hold import HoldSight, HoldState
from lighthouse.pgbouncer.note import Note
from lighthouse.pgbouncer.settings import HoldSettings

PACE: Final = 0.25
"""Seconds between two probes of a primary that may be dead."""

CALM: Final = 0.5
"""Seconds between two looks at PgBouncer's pools while nothing is wrong."""

_PROBE: Final = 0.5
_PAUSE: Final = 2.0
_TRUST: Final = 5.0
"""Seconds for which a primary that has answered is not doubted for want of connections to it."""

_SERVERS: Final = ("sv_active", "sv_idle", "sv_used", "sv_tested")

log = logging.getLogger(__name__)


class FollowedPrimary(msgspec.Struct, frozen=True):
    """Where a cluster's databases ``names`` lead by now, and what the snapshot says of it.

    ``listed``: discovery is alive and lists nodes. ``followed``: there is a primary to follow.
    ``role``: what the node there says of itself, empty if it is not listed.
    """

    cluster: str
    names: tuple[str, ...]
    host: str
    port: int
    listed: bool
    followed: bool
    role: str

    @property
    def key(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port


class Holder:
    """The pools of one PgBouncer. A pause that somebody else has begun is never touched."""

    def __init__(self, settings: HoldSettings, console: AdminConsole, note: Note) -> None:
        self._settings: Final = settings
        self._console: Final = console
        self._note: Final = note
        self._primaries: dict[str, FollowedPrimary] = {}
        self._states: Final[dict[str, HoldState]] = {}
        self._since: Final[dict[str, tuple[str, int]]] = {}
        """Where each cluster led to when it was looked at last."""
        self._held: Final[dict[str, tuple[str, ...]]] = {}
        self._trusted: Final[dict[str, float]] = {}
        self._served: set[str] = set()
        self._urgent = False
        self._recovered = False

    @property
    def held(self) -> Mapping[str, tuple[str, ...]]:
        """The databases that are held now, by cluster."""
        return {
            cluster: names
            for cluster, names in self._held.items()
            if self._states.get(cluster, HoldState()).since is not None
        }

    def recover(self) -> None:
        """Let go what a worker before this one has left paused; raises ``OSError``."""
        if self._recovered:
            return
        names = self._note.read()
        if names:
            loaded = self._console.databases()
            self._resume([name for name in names if name in loaded and loaded[name].paused])
            self._note.remove()
            log.warning("a hold that an earlier worker had begun is over: %s", ", ".join(names))
        self._recovered = True

    def watch(self, primaries: Iterable[FollowedPrimary]) -> None:
        """From now on these; whoever is held and has somewhere to go goes on at once."""
        before = self._primaries
        self._primaries = {one.cluster: one for one in primaries}
        self._let_go()
        for cluster in self._states.keys() - self._primaries.keys() - self._held.keys():
            del self._states[cluster]
        for cluster in [*self._held]:
            if cluster not in self._primaries:
                self._end(cluster, HoldState(), "its databases are no more of this balancer")
        for one in self._primaries.values():
            if self._since.get(one.cluster, one.key) != one.key:
                self._advance(one, None)
            self._since.setdefault(one.cluster, one.key)
            former = before.get(one.cluster)
            self._urgent |= not one.followed and (former is None or former.followed)

    def distrust(self) -> None:
        """The newest snapshot could not be worked on: no hold begins by an older one."""
        self._primaries = {
            name: msgspec.structs.replace(one, listed=False)
            for name, one in self._primaries.items()
        }

    def look(self) -> None:
        """Probe where there is reason to, and hold or let go."""
        if not self._settings.enabled:
            return
        self._urgent = False
        self._let_go()
        starved = self._starved()
        for one in self._primaries.values():
            state = self._states.get(one.cluster, HoldState())
            doubtful = not one.followed or state.failed or starved.intersection(one.names)
            if state.since is not None or (one.listed and doubtful):
                answer = probe.answers(one.host, one.port, _PROBE)
                self._advance(one, answer)
                if answer and one.followed:
                    self._trusted[one.cluster] = time.monotonic() + _TRUST

    def after(self) -> float:
        """Seconds until the next look, infinite if there is nothing to look at."""
        if not self._settings.enabled or not (self._primaries or self._held):
            return math.inf
        if self._urgent:
            return 0.0
        states = self._states.values()
        busy = self._held or any(one.failed or one.since is not None for one in states)
        return PACE if busy else CALM

    def release(self) -> None:
        """Let everybody go on that can be; raises what kept one from it, if anything did."""
        failed: OSError | Declined | None = None
        for cluster in [*self._held]:
            try:
                self._end(cluster, HoldState(), "the balancer ends")
            except (OSError, Declined) as error:
                failed = error
        if failed is not None:
            raise failed

    def _advance(self, one: FollowedPrimary, answer: bool | None) -> None:
        state = self._states.get(one.cluster, HoldState())
        moved = self._since.get(one.cluster, one.key) != one.key
        sight = HoldSight(time.monotonic(), one.listed, moved, one.role, None if moved else answer)
        after, action = hold.step(state, sight, self._settings)
        if action == "pause":
            after = self._begin(one, after)
        elif action == "resume":
            why = "it is over" if after.over else f"{one.host} serves"
            self._end(one.cluster, after, why)
        self._states[one.cluster] = after
        self._since[one.cluster] = one.key

    def _begin(self, one: FollowedPrimary, after: HoldState) -> HoldState:
        loaded = self._console.databases()
        names = tuple(name for name in one.names if name in loaded and not loaded[name].paused)
        if not names:
            return hold.given_up()
        self._held[one.cluster] = names
        self._leave_note()
        try:
            self._console.pause(names, Deadline(_PAUSE))
        except (OSError, Declined) as error:
            log.warning("the pause of %s did not come through: %s", ", ".join(names), error)
            self._states[one.cluster] = hold.given_up()
            self._let_go()
            return hold.given_up()
        log.warning("%s does not answer: clients of %s are held", one.host, ", ".join(names))
        return after

    def _let_go(self) -> None:
        """Resume what is held no more, and what PgBouncer could not be told at once."""
        for cluster in [*self._held]:
            state = self._states.get(cluster, HoldState())
            if state.since is None:
                self._end(cluster, state, "they are not to wait")

    def _end(self, cluster: str, after: HoldState, why: str) -> None:
        """Resume; what cannot be told to the console now stays held, and is tried again."""
        names = self._held[cluster]
        self._resume(names)
        del self._held[cluster]
        self._states[cluster] = after
        self._leave_note()
        log.warning("clients of %s go on: %s", ", ".join(names), why)

    def _resume(self, names: Sequence[str]) -> None:
        for name in names:
            self._console.resume(name)

    def _leave_note(self) -> None:
        names = [name for each in self._held.values() for name in each]
        if names:
            self._note.leave({name: round(time.time()) for name in names})
        else:
            self._note.remove()

    def _starved(self) -> set[str]:
        """The databases that have just lost their last connection, or whose clients wait for one.

        Not those whose server has answered just now.
        """
        now = time.monotonic()
        trusted = {name for name, until in self._trusted.items() if now < until}
        if trusted >= self._primaries.keys():
            return set()
        before, self._served = self._served, set()
        waiting = set()
        with contextlib.suppress(OSError, Declined):
            for row in self._console.ask("SHOW POOLS"):
                name = row["database"] or ""
                if any(int(row.get(key) or 0) for key in _SERVERS):
                    self._served.add(name)
                if int(row.get("cl_waiting") or 0):
                    waiting.add(name)
        names = [one.names for one in self._primaries.values() if one.cluster not in trusted]
        doubted = (before | waiting) - self._served
        return {name for each in names for name in each if name in doubted}
