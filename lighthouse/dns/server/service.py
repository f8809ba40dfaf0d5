"""The thread that answers, beside whatever else the worker does.

It holds as many connections as it is allowed, each for a bounded time; if one more comes, the
one that has got on least lately goes. Datagrams and connections take turns, so that a flood of
one does not silence the other. What raises costs one client, and is counted.
"""

import contextlib
import logging
import selectors
import socket
import threading
import time
from typing import Any, Final

import msgspec

from lighthouse.dns.server.cache import AnswerCache
from lighthouse.dns.server.reply import LONGEST_QUERY, Answerer, failure
from lighthouse.dns.server.schema import DnsServerSettings
from lighthouse.dns.server.sockets import Sockets
from lighthouse.dns.server.stream import Done, StreamClient
from lighthouse.dns.server.zone import Zone
from lighthouse.process.wakeup import Wakeup

log: Final = logging.getLogger(__name__)

_BATCH: Final = 64
"""Datagrams, or new connections, that are taken before others have their turn."""

_LOOK: Final = 0.25
_REST: Final = 0.05
_PATIENCE: Final = 5.0


class DnsCounts(msgspec.Struct):
    """What was asked since the worker's start."""

    datagrams: int = 0
    streamed: int = 0
    connections: int = 0
    dropped: int = 0
    faults: int = 0


class DnsService:
    """Answers on some sockets out of the newest zone; ``counts`` goes on from a former one."""

    def __init__(
        self, settings: DnsServerSettings, sockets: Sockets, counts: DnsCounts, seed: str
    ) -> None:
        self.counts: Final = counts
        self.settings: Final = settings
        self._sockets: Final = sockets
        self._seed: Final = seed
        self._answers = self._cache(Zone(settings.zone, complete=False))
        self._clients: Final[dict[int, StreamClient]] = {}
        self._selector: Final = selectors.DefaultSelector()
        self._wakeup: Final = Wakeup()
        self._over = False
        self._look_at = 0.0
        self._thread: Final = threading.Thread(target=self._run, name="dns server", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def clients(self) -> int:
        """How many connections are open."""
        return len(self._clients)

    def answer_from(self, zone: Zone) -> None:
        """From the next query on."""
        self._answers = self._cache(zone)

    def start(self) -> None:
        self._selector.register(self._wakeup.fileno(), selectors.EVENT_READ, None)
        for pair in self._sockets.open.values():
            self._selector.register(pair.datagrams, selectors.EVENT_READ, self._take_datagrams)
            self._selector.register(pair.listener, selectors.EVENT_READ, self._take_connections)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and its connections; the sockets stay open, and what waits there."""
        self._over = True
        self._wakeup.set()
        self._thread.join(_PATIENCE)
        for client in list(self._clients.values()):
            client.close()
        self._selector.close()
        self._wakeup.close()

    def _cache(self, zone: Zone) -> AnswerCache:
        return AnswerCache(Answerer(zone, self.settings.payload, self._seed).answer)

    def _run(self) -> None:
        while not self._over:
            try:
                self._turn()
            # The thread's boundary: a fault costs this turn, and never the server.
            except Exception:
                self.counts.faults += 1
                log.exception("a turn of the name server failed")
                time.sleep(_REST)

    def _turn(self) -> None:
        waits = _LOOK if self._clients else None
        for key, _ in self._selector.select(waits):
            if isinstance(key.data, StreamClient):
                self._serve(key.data)
            elif key.data is not None:
                key.data(key.fileobj)
        now = time.monotonic()
        if self._clients and now >= self._look_at:
            self._look_at = now + _LOOK
            since = now - self.settings.tcp_timeout
            for client in [c for c in self._clients.values() if c.since < since]:
                self._drop(client)

    def _take_datagrams(self, datagrams: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                data, sender = datagrams.recvfrom(LONGEST_QUERY + 1)
            except BlockingIOError:
                return
            except OSError:  # of an earlier answer, which nobody took
                continue
            self.counts.datagrams += 1
            said = self._answer(data, stream=False)
            if said is not None:
                with contextlib.suppress(OSError):
                    datagrams.sendto(said, sender)

    def _take_connections(self, listener: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                connection, _address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("a connection cannot be accepted: %s", error.strerror)
                self._make_room(len(self._clients) // 2)
                time.sleep(_REST)
                return
            self._make_room(self.settings.tcp_connections - 1)
            connection.setblocking(False)
            client = StreamClient(connection, time.monotonic())
            self._clients[connection.fileno()] = client
            self._selector.register(connection, selectors.EVENT_READ, client)
            self.counts.connections += 1

    def _make_room(self, most: int) -> None:
        """Drop the connections that have got on least lately until no more than these are left."""
        for client in sorted(self._clients.values(), key=lambda one: one.since):
            if len(self._clients) <= most:
                return
            self._drop(client)

    def _serve(self, client: StreamClient) -> None:
        if client.connection.fileno() < 0:  # dropped in this very turn
            return
        before = client.waits_to_write
        try:
            self.counts.streamed += client.turn(self._stream_answer, time.monotonic())
        except Done:
            self._forget(client)
            return
        if client.waits_to_write != before:
            event = selectors.EVENT_READ if before else selectors.EVENT_WRITE
            self._selector.modify(client.connection, event, client)

    def _drop(self, client: StreamClient) -> None:
        self.counts.dropped += 1
        self._forget(client)

    def _forget(self, client: StreamClient) -> None:
        self._selector.unregister(client.connection)
        self._clients.pop(client.connection.fileno(), None)
        client.close()

    def _stream_answer(self, data: bytes) -> bytes | None:
        return self._answer(data, stream=True)

    def _answer(self, data: bytes, stream: bool) -> bytes | None:
        try:
            return self._answers.answer(data, stream)
        # The boundary of a query: whatever it does to the decoder, the next one is answered.
        except Exception:
            self.counts.faults += 1
            log.exception("a query of %d bytes could not be answered", len(data))
            return failure(data)


def describe(counts: DnsCounts) -> dict[str, Any]:
    """For the status."""
    return {
        "queries": counts.datagrams + counts.streamed,
        "queries by TCP": counts.streamed,
        "connections dropped": counts.dropped,
        "faults": counts.faults,
    }
