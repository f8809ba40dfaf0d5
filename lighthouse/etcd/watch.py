"""The thread that follows etcd: one watch for everything, wherever it can be had.

It goes on from the last known revision after every interruption, without reading anything.
Everything is read again only if etcd says that the history is gone (compaction), or shows
that it is another history (wiped data).
"""

import http.client
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from lighthouse.etcd import errors
from lighthouse.etcd.auth import Authentication
from lighthouse.etcd.client import WATCH, EtcdClient
from lighthouse.etcd.clusters import Clusters
from lighthouse.etcd.connection_state import EtcdConnection, EtcdSession
from lighthouse.etcd.counts import EtcdCounts
from lighthouse.etcd.endpoints import Endpoints
from lighthouse.etcd.errors import Behind, Denied, EtcdAway, Trouble
from lighthouse.etcd.protocol import Event, ResponseHeader, Streamed, Watched
from lighthouse.etcd.settings import Endpoint

logger: Final = logging.getLogger(__name__)

SPREAD: Final = 2.0
"""Seconds over which a fleet spreads its reads after a compaction, which comes for all."""

FLAPPING: Final = 0.25
"""Seconds to wait after a session that ended as soon as it had begun."""

OnUp = Callable[[], None]
OnEvents = Callable[[tuple[Event, ...]], None]

_decoder: Final = msgspec.json.Decoder(Streamed, strict=False)


class WatchThread:
    """Keeps the clusters as etcd has them; ``run`` is the thread."""

    def __init__(
        self,
        prefix: bytes,
        endpoints: Endpoints,
        authentication: Authentication,
        clusters: Clusters,
        connection: EtcdConnection,
        counts: EtcdCounts,
    ) -> None:
        self._prefix: Final = prefix
        self._endpoints: Final = endpoints
        self._authentication: Final = authentication
        self._clusters: Final = clusters
        self._connection: Final = connection
        self._counts: Final = counts
        self._over: Final = threading.Event()
        self._seen = ResponseHeader()
        self._stale = False  # what is known has to be read anew
        self._was_up = False

    def stop(self) -> None:
        self._over.set()

    def run(self, on_up: OnUp, on_events: OnEvents) -> None:
        while not self._over.is_set():
            self._over.wait(self._serve(self._endpoints.current, on_up, on_events))

    def _serve(self, endpoint: Endpoint, on_up: OnUp, on_events: OnEvents) -> float:
        """Follow at one endpoint until that fails; seconds to wait before the next try."""
        client = EtcdClient(endpoint, self._authentication, self._counts)
        try:
            self._follow(client, on_up, on_events)
        except Behind as fault:
            logger.warning("%s: %s; reading everything again", endpoint, fault)
            self._stale = True
            return random.uniform(0, SPREAD) if self._clusters.loaded else 0.0
        except Trouble as fault:
            return 0.0 if self._over.is_set() else self._failed(endpoint, fault)
        except Exception as error:
            # The boundary of the thread: if it ended, a worker that looks well would be deaf.
            logger.exception("%s: the watch failed", endpoint)
            return self._failed(endpoint, Trouble(f"unexpected: {type(error).__name__}"))
        finally:
            self._connection.down()
            client.close()
        return 0.0

    def _failed(self, endpoint: Endpoint, fault: Trouble) -> float:
        """Go on to the next endpoint; to be away is announced when none is left to try."""
        if isinstance(fault, Denied):
            self._authentication.forget()
        session = self._connection.session
        if session is not None and session.settled:
            logger.warning("%s: %s", endpoint, fault)
            self._endpoints.move_on()
            return 0.0
        delay = self._endpoints.failed(fault)
        if self._endpoints.exhausted:
            self._connection.suspend(self._endpoints.reason())
        return delay if session is None else max(delay, FLAPPING)

    def _follow(self, client: EtcdClient, on_up: OnUp, on_events: OnEvents) -> None:
        header = client.probe(self._prefix)
        self._compare(header)
        if self._stale or not self._clusters.loaded:
            if self._clusters.loaded:
                self._counts.add("relists")
            self._clusters.load(client)
            self._stale = False
        client.close()
        stream = client.watch(self._prefix, self._clusters.revision + 1)
        session, begin_by = EtcdSession(client.endpoint, stream), time.monotonic() + WATCH
        try:
            while not self._over.is_set():
                lines = stream.messages()
                if not lines:
                    raise session.fault or EtcdAway("it ended the watch")
                for line in lines:
                    self._take(session, line, on_up, on_events)
                if self._connection.session is None and time.monotonic() > begin_by:
                    raise EtcdAway(f"its watch does not begin within {WATCH:g} s")
        except Trouble:
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise session.fault or errors.of_connection(error, client.endpoint) from error
        finally:
            stream.close()

    def _compare(self, header: ResponseHeader) -> None:
        """Notice that this is not the history that was followed so far."""
        seen, self._seen = self._seen, header
        if not self._clusters.loaded:
            return
        other = header.cluster_id != seen.cluster_id or header.raft_term < seen.raft_term
        if other or header.revision < self._clusters.revision:
            logger.warning("etcd's data are not those of before (wiped?); reading them anew")
            self._stale = True

    def _take(self, session: EtcdSession, line: bytes, on_up: OnUp, on_events: OnEvents) -> None:
        try:
            streamed = _decoder.decode(line)
        except msgspec.DecodeError as error:
            raise Trouble(f"not what a watch says ({error})") from error
        if streamed.error is not None:
            raise errors.of_failure(streamed.error)
        watched = streamed.result or Watched()
        if watched.canceled:
            raise _canceled(watched)
        if watched.created:
            self._begin(session, on_up)
        elif watched.events:
            whole = None if watched.fragment else watched.events[-1].kv.mod_revision
            self._clusters.apply(watched.events, whole)
            on_events(watched.events)
            self._counts.add("events", len(watched.events))
        session.pass_mark(watched.header.revision)

    def _begin(self, session: EtcdSession, on_up: OnUp) -> None:
        self._endpoints.good()
        if self._connection.session is None:
            self._counts.add("reconnects", int(self._was_up))
            self._was_up = True
            self._connection.up(session)
            on_up()


def _canceled(watched: Watched) -> Trouble:
    if watched.compact_revision:
        return Behind(f"the history before revision {watched.compact_revision} is compacted")
    return errors.of_failure(errors.EtcdFailure(error=watched.cancel_reason or "watch canceled"))
