"""The thread beside the watch: keeps the lease, tries the endpoint, and looks for lost events.

What it finds out about the endpoint ends the session, and the follower makes the next one.
"""

import logging
import random
import threading
import time
from collections import deque
from typing import Final

from lighthouse.etcd.auth import Authentication
from lighthouse.etcd.client import EtcdClient
from lighthouse.etcd.clusters import Clusters
from lighthouse.etcd.connection_state import EtcdConnection, EtcdSession
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.errors import Behind, LeaseGone, Trouble
from lighthouse.etcd.protocol import Event
from lighthouse.etcd.registrations import EtcdRegistrations

logger: Final = logging.getLogger(__name__)

PROBE: Final = 2.0
"""Seconds from one read of the endpoint to the next: a member without a leader fails it."""

SETTLED: Final = 1.0
"""Seconds that an event may take, for an audit to call it lost."""


class LeaseKeeper:
    """``run`` is the thread; ``woken`` and ``noticed`` may be called from any other."""

    def __init__(
        self,
        prefix: bytes,
        audit: float,
        authentication: Authentication,
        clusters: Clusters,
        registrations: EtcdRegistrations,
        connection: EtcdConnection,
        counts: EtcdCounts,
    ) -> None:
        self._prefix: Final = prefix
        self._audit: Final = audit
        self._authentication: Final = authentication
        self._clusters: Final = clusters
        self._registrations: Final = registrations
        self._connection: Final = connection
        self._counts: Final = counts
        self._wakeup: Final = threading.Event()
        self._over = False
        self._noticed: Final[deque[bytes]] = deque()
        self._session: EtcdSession | None = None
        self._client: EtcdClient | None = None
        self._probe_at = self._beat_at = 0.0
        self._audit_at = self._next_audit()

    def stop(self) -> None:
        self._over = True
        self._wakeup.set()

    def woken(self) -> None:
        """There is a new session, or doubt about the lease: look at it now."""
        self._beat_at = 0.0
        self._wakeup.set()

    def noticed(self, events: tuple[Event, ...]) -> None:
        """The watch told of these; what happened to keys of ours is looked into."""
        ours = self._registrations.keys
        keys = [event.kv.key for event in events if event.kv.key in ours]
        if keys:
            self._noticed.extend(keys)
            self._wakeup.set()

    def run(self) -> None:
        while not self._over:
            self._wakeup.wait(self._pause())
            self._wakeup.clear()
            session = self._usable()
            if session is None or self._over:
                continue
            try:
                self._turn(session)
            except Trouble as fault:
                session.fail(fault)
            except Exception:
                # The boundary of the thread: if it ended, the lease would, silently.
                logger.exception("the lease's thread failed")
                session.fail(Trouble("unexpected failure beside the watch"))
        self._close()

    def _usable(self) -> EtcdSession | None:
        """The session, unless it is ending; the next one wakes this thread."""
        session = self._connection.session
        return session if session is not None and session.fault is None else None

    def _pause(self) -> float:
        if self._usable() is None:
            return PROBE
        due = min(self._probe_at, self._audit_at, self._beat_at)
        return max(0.0, due - time.monotonic())

    def _turn(self, session: EtcdSession) -> None:
        """Do what is due; raises ``Trouble`` if the endpoint is of no use any more."""
        client = self._at(session)
        self._beat(client)
        if self._noticed:
            self._restore(client)
        self._connection.announce(self._hint())
        now = time.monotonic()
        if now >= self._probe_at:
            self._probe_at = now + PROBE
            session.mark(client.probe(self._prefix).revision)
        if now >= self._audit_at:
            self._audit_at = self._next_audit()
            if not self._clusters.audit(client, SETTLED, lambda: self._beat(client)):
                self._counts.add("repaired")
                raise Behind("an audit found changes that the watch never told")

    def _at(self, session: EtcdSession) -> EtcdClient:
        """A client for this session; in a new one all that may have changed is looked at."""
        if self._client is None or self._session is not session:
            self._close()
            self._session = session
            self._client = EtcdClient(session.endpoint, self._authentication, self._counts)
            self._beat_at = 0.0
            self._probe_at = time.monotonic() + PROBE
            self._noticed.extend(self._registrations.keys)
        return self._client

    def _beat(self, client: EtcdClient) -> None:
        """Keep the lease alive if that is due, and say what became of it."""
        now = time.monotonic()
        if now < self._beat_at:
            return
        self._beat_at = now + self._registrations.rhythm
        try:
            self._registrations.keep_alive(client)
        except LeaseGone as gone:
            self._lost(gone)

    def _restore(self, client: EtcdClient) -> None:
        keys = {self._noticed.popleft() for _ in range(len(self._noticed))}
        try:
            self._registrations.restore(client, keys)
        except LeaseGone as gone:
            self._lost(gone)

    def _lost(self, gone: LeaseGone) -> None:
        if self._registrations.lose():
            logger.warning("%s; what was registered is registered again", gone)
            self._connection.lose(f"{gone}; what was registered is registered again")

    def _hint(self) -> str:
        empty = self._clusters.figures()["keys"] == 0
        return f"no keys below {self._prefix.decode()}; is 'path' right?" if empty else ""

    def _next_audit(self) -> float:
        return time.monotonic() + self._audit * random.uniform(0.75, 1.25)

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._session = None
