"""The clusters that are followed through DNS: when each is asked for, and what is reported.

All decisions are taken in the thread that calls; only the questions themselves are asked in
the background.
"""

import concurrent.futures
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final

from lighthouse.discovery import Connection, OnConnection, OnReading
from lighthouse.dns.answer import NoAnswer
from lighthouse.dns.background import Background
from lighthouse.dns.lookup import LookupResult, look_up
from lighthouse.dns.name_state import NameState, Pace
from lighthouse.dns.nameserver import RESOLV_CONF, Nameservers
from lighthouse.dns.resolver import Resolver
from lighthouse.dns.settings import DnsSettings, query
from lighthouse.dns.summary import summary

PROBE: Final = 1.0
"""Seconds after which one cluster is asked for again while nobody answers for any."""

CATCH_UP: Final = 1.0
"""Seconds within which all that failed is asked for again once an answer has come."""

LONGEST: Final = 120.0
"""Seconds after which a look-up is given up and begun anew. Each of its questions is bounded,
so this is for one that was lost, or that has more questions to ask than anybody answers."""

MOST_TOLD: Final = 20
"""Clusters whose errors are in the log at the same time; a status counts all of them."""

logger: Final = logging.getLogger(__name__)

Lookup = concurrent.futures.Future[LookupResult]


class DnsSource:
    """Readings are reported from within the calls made here."""

    def __init__(
        self,
        settings: DnsSettings,
        on_reading: OnReading,
        on_connection: OnConnection,
        resolv_conf: str = RESOLV_CONF,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings: Final = settings
        self._on_reading: Final = on_reading
        self._on_connection: Final = on_connection
        self._chance: Final = chance
        self._pace: Final = Pace(settings.min_interval, settings.max_interval)
        self._nameservers: Final = Nameservers(settings.servers(), resolv_conf)
        self._resolver = self._new_resolver()
        self._background: Background[LookupResult] = Background()
        self._states: Final[dict[str, NameState]] = {}
        self._lookups: Final[dict[str, Lookup]] = {}
        self._clusters: Final[dict[Lookup, str]] = {}
        self._overdue_at: Final[dict[str, float]] = {}  # of those under way, the oldest first
        self._connection: Connection | None = None
        self._told: Final[set[str]] = set()  # clusters whose error is in the log
        self._probe_at = 0.0

    def open(self) -> None:
        self._background.start()

    def close(self) -> None:
        self._states.clear()
        self._lookups.clear()
        self._clusters.clear()
        self._overdue_at.clear()
        self._background.close()

    def fileno(self) -> int:
        return self._background.fileno()

    def watch(self, cluster: str) -> None:
        """Ask for a cluster now, and again whenever its records expire.

        Raises ``ValueError`` if the settings lead to no name for it.
        """
        wanted = query(self._settings, cluster)
        if cluster not in self._states:
            self._states[cluster] = NameState(wanted, self._pace, time.monotonic())
        self._begin(cluster)

    def unwatch(self, cluster: str) -> None:
        """Report nothing more about a cluster."""
        self._states.pop(cluster, None)
        self._told.discard(cluster)
        self._abandon(cluster)
        self._tell_connection()

    def wake(self) -> None:
        """Take the answers that have come, and ask for what is due."""
        broken: BaseException | None = None
        while (lookup := self._background.next()) is not None:
            cluster = self._clusters.pop(lookup, None)
            if cluster is None:
                continue
            del self._lookups[cluster], self._overdue_at[cluster]
            broken = self._take(cluster, lookup) or broken
        now = time.monotonic()
        self._give_up(now)
        self._tell_connection()
        for cluster in self._due(now):
            self._begin(cluster)
        if broken is not None:
            raise broken

    def wake_after(self) -> float | None:
        moments = [s.due for name, s in self._states.items() if name not in self._lookups]
        if moments and self._probes():
            moments.append(self._probe_at)
        moments += [*self._overdue_at.values()][:1]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def status(self) -> dict[str, Any]:
        counts = self._resolver.counts
        return {
            "nameservers": [str(server) for server in self._nameservers.all()],
            "queries": counts.queries,
            "failures": counts.failures,
            **summary(self._states, time.monotonic(), time.time()),
        }

    def _begin(self, cluster: str) -> None:
        """Ask afresh; an answer to an earlier question is not waited for."""
        self._abandon(cluster)
        if not self._background.alive:
            self._restart()
        lookup = self._background.run(look_up(self._resolver, self._states[cluster].query))
        self._lookups[cluster] = lookup
        self._clusters[lookup] = cluster
        self._overdue_at[cluster] = time.monotonic() + LONGEST

    def _restart(self) -> None:
        """Ask in another thread: the one that was started has ended, and asks nothing any more."""
        logger.error("the thread that asks nameservers has ended; another one is started")
        self._background.close()
        self._background, self._resolver = Background(), self._new_resolver()
        self._background.start()

    def _new_resolver(self) -> Resolver:
        return Resolver(self._nameservers, self._settings.timeout, self._settings.attempts)

    def _abandon(self, cluster: str) -> None:
        lookup = self._lookups.pop(cluster, None)
        if lookup is not None:
            del self._overdue_at[cluster]
            self._clusters.pop(lookup, None)
            lookup.cancel()

    def _give_up(self, now: float) -> None:
        """Let go of look-ups that take too long; those clusters are asked for again."""
        for cluster in [name for name, at in self._overdue_at.items() if at <= now]:
            self._abandon(cluster)
            state = self._states[cluster]
            state.fail(f"no answer within {LONGEST:g} s", now, self._chance())
            self._probe_at = now + PROBE
            self._tell(cluster, state)

    def _take(self, cluster: str, lookup: Lookup) -> BaseException | None:
        """Take one lookup's result; what it raised beyond an expected error."""
        state, now = self._states[cluster], time.monotonic()
        failed = state.failing
        fault = lookup.exception()
        if fault is not None:
            state.fail(str(fault) or repr(fault), now, self._chance())
            self._probe_at = now + PROBE
        else:
            reading = state.take(lookup.result(), now, self._chance())
            if reading is not None:
                self._on_reading(cluster, reading)
            if failed or self._connection == "suspended":
                self._catch_up(now)
        self._tell(cluster, state)
        return None if isinstance(fault, NoAnswer) else fault

    def _catch_up(self, now: float) -> None:
        """Somebody answers again: the others that failed need not wait any longer."""
        for state in self._states.values():
            if state.failing:
                state.due = min(state.due, now + CATCH_UP * self._chance())

    def _due(self, now: float) -> list[str]:
        waiting = [name for name in self._states if name not in self._lookups]
        due = [name for name in waiting if self._states[name].due <= now]
        if due or not self._probes() or now < self._probe_at:
            return due
        return [min(waiting, key=lambda name: self._states[name].due)]

    def _probes(self) -> bool:
        """Return True if one cluster is asked for early, to learn that the source is back."""
        return self._connection == "suspended" and bool(self._states) and not self._lookups

    def _tell_connection(self) -> None:
        """Report it where nobody answers for any cluster, or somebody does again."""
        states = self._states.values()
        connection: Connection | None = None
        reason = ""
        if any(state.asked and not state.failing for state in states):
            connection = "connected"
        elif states and all(state.failing for state in states):
            connection, reason = "suspended", next(iter(states)).error
        if connection is not None and connection != self._connection:
            self._connection = connection
            self._on_connection(connection, reason)

    def _tell(self, cluster: str, state: NameState) -> None:
        """Log an error when it appears and when it is over, of some clusters if many have one."""
        if not state.error:
            if cluster in self._told:
                self._told.discard(cluster)
                logger.info("%s: answered again", cluster)
        elif cluster not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(cluster)
            logger.warning("%s: %s; what is known stays", cluster, state.error)
