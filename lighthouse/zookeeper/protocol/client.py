"""kazoo's client with persistent watches, and with ears for what goes wrong while it connects.

kazoo (2.11) knows only watches that fire once and do not name the child. What is added here
leans on a few of its private names; ``missing`` tells whether they are there.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.protocol.connection import _CONNECTION_DROP, ConnectionDropped, ConnectionHandler
from kazoo.protocol.serialization import Watch
from kazoo.protocol.states import KazooState
from kazoo.retry import KazooRetry

from lighthouse.zookeeper.protocol.kazoo_handler import KazooHandler

RECONNECT: Final = {"max_tries": -1, "delay": 0.1, "backoff": 1.5, "max_delay": 1.0}

HANDSHAKE: Final = 1.0
"""Seconds that a server may take for a session and the answer to a first question.

One that accepts connections and does not serve yet, or not any more, may stay silent for
ever. Each time that this was too short in a row it is doubled, up to what a session allows:
so that all servers can be tried before it expires.
"""

PATIENT: Final = 4.0
"""The most that it is doubled to while there is no session that could expire. A new one takes
a server longer than an old one: most of the ensemble has to write it down."""

HANDSHAKE_TLS: Final = 2.0
"""The same with TLS, which costs a server that has just started more than its serving does."""

LOOK_BACK: Final = 2.0
"""Seconds in which no server took us, for it to be possible that all of them were emptied."""

Done = Callable[[Any, Exception | None], None]
"""Takes what a request brought, or why it brought nothing."""

_logger: Final = logging.getLogger("lighthouse.zookeeper.kazoo")
_logger.setLevel(logging.ERROR)  # whatever it warns of is reported as the connection's state


class ConnectionListener(Protocol):
    """Hears of everything in the connection's own thread: it must neither block nor raise."""

    def credentials(self) -> set[tuple[str, str]]:
        """Scheme and credential for the connection to come; may raise ``OSError``."""

    def pause(self) -> float:
        """Seconds to wait before the connection to come."""

    def on_refused(self, host: str, port: int, error: Exception) -> None:
        """A server could not be connected to."""

    def on_round(self) -> None:
        """Every server has had its turn."""

    def on_connected(self, host: str, port: int) -> None:
        """Connected and authenticated."""

    def on_suspended(self) -> None:
        """The connection is gone."""

    def on_lost(self) -> None:
        """The session is gone."""

    def on_end(self) -> None:
        """The client will not connect any more."""

    def on_event(self, kind: int, path: str) -> None:
        """A watch fired."""


class ResultCallback:
    """Stands where kazoo puts the result of a request: passes it on, once, without a thread."""

    __slots__ = ("_done",)

    def __init__(self, done: Done) -> None:
        self._done: Done | None = done

    def set(self, value: Any = None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(value, None)

    def set_exception(self, error: Exception) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(None, error)


class ZooKeeperClient(KazooClient):  # type: ignore[misc]
    """One session after another with an ensemble, in a thread of its own."""

    def __init__(
        self,
        hosts: str,
        session_timeout: float,
        handler: KazooHandler,
        listener: ConnectionListener,
    ) -> None:
        retry = KazooRetry(sleep_func=handler.sleep_func, **RECONNECT)
        super().__init__(
            hosts,
            timeout=session_timeout,
            handler=handler,
            connection_retry=retry,
            logger=_logger,
        )
        self.listener: Final = listener
        self._connection = Wire(self, self._conn_retry.copy(), logger=_logger)
        self.add_listener(self._on_state)

    def ask(self, request: Any, done: Done) -> None:
        """Send a request; ``done`` is called in the connection's thread."""
        self._call(request, ResultCallback(done))

    def proved(self) -> None:
        """The server that we are connected to has answered; in the connection's thread."""
        self._connection.proved()

    @property
    def late(self) -> bool:
        """Return True if the server that we were connected to did not answer in time."""
        return bool(self.handler.late)

    @property
    def session(self) -> int | None:
        """The session's number, None if there is none that stands."""
        found = self.client_id
        return None if found is None else found[0]

    def abandon(self) -> None:
        """Like ``stop``, but the session, with what is registered in it, is left to expire."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._queue.append((_CONNECTION_DROP, None))
            try:
                self._connection._write_sock.send(b"\0")
            finally:
                self._safe_close()

    def _on_state(self, state: str) -> None:
        if state == KazooState.SUSPENDED:
            self.listener.on_suspended()
        elif state == KazooState.LOST:
            self._connection.lost()
            self.listener.on_lost()


class Wire(ConnectionHandler):  # type: ignore[misc]
    """kazoo's connection; every event goes to the listener."""

    _refused_since: float | None = None
    _late = 0
    _undecided = False
    _has_session = False

    def zk_loop(self) -> None:
        try:
            super().zk_loop()
        finally:
            self.client.listener.on_end()

    def _connect_loop(self, retry: KazooRetry) -> Any:
        self._undecided = False
        try:
            return super()._connect_loop(retry)
        finally:
            if not self._undecided:
                self.client.listener.on_round()
            if self.handler.late:  # it was waited for long enough
                retry.reset()

    def _expand_client_hosts(self) -> Any:
        found = super()._expand_client_hosts()
        resolved = {(host, port) for host, _, port in found}
        for host, port in self.client.hosts:
            if (host, port) not in resolved:
                self.client.listener.on_refused(host, port, LookupError("cannot be resolved"))
        return found

    def _connect(self, host: str, hostip: str, port: int) -> Any:
        listener: ConnectionListener = self.client.listener
        time.sleep(listener.pause())
        self._grant()
        try:
            self.client.auth_data = listener.credentials()
            limits = super()._connect(host, hostip, port)
        except OSError as error:
            listener.on_refused(host, port, error)
            raise ConnectionDropped(str(error)) from error
        except (KazooException, self.handler.timeout_exception) as error:
            if self._late or not self.handler.late:
                listener.on_refused(host, port, error)
            else:
                self._undecided = True  # it may only be slow; the next round will tell
            self._look_back()
            raise
        self._refused_since = None
        listener.on_connected(host, port)
        return limits

    def proved(self) -> None:
        """The server has answered a question."""
        self.handler.proved()
        self._late = 0
        self._has_session = True

    def lost(self) -> None:
        """The session is gone."""
        self._has_session = False

    def _grant(self) -> None:
        """Let the connection to come take its time, the longer the more often it was short."""
        self._late = self._late + 1 if self.handler.late else 0
        allowed = self.client._session_timeout / 1000.0 / len(self.client.hosts)
        first = HANDSHAKE_TLS if self.handler.secure else HANDSHAKE
        self.handler.begin(patience(first, self._late, allowed, self._has_session))

    def _look_back(self) -> None:
        """After long enough, be content with servers that know less than we have seen.

        A server that was emptied hangs up on a client that has seen more than it holds, for
        ever. ``LOOK_BACK`` seconds after the first refusal, what was seen counts no more:
        a follower that is behind by so much serves nobody.
        """
        now = time.monotonic()
        if self._refused_since is None:
            self._refused_since = now
        if now - self._refused_since > LOOK_BACK:
            self.client.last_zxid = 0

    def _read_watch_event(self, buffer: bytes, offset: int) -> None:
        event, _ = Watch.deserialize(buffer, offset)
        if not self.client._stopped.is_set():
            self.client.listener.on_event(event.type, event.path)


def patience(first: float, late: int, allowed: float, has_session: bool) -> float:
    """Seconds for a handshake: ``first``, doubled for each that was ``late`` in a row.

    ``allowed`` are those in which every server can be tried before the session expires; without
    one there are ``PATIENT`` at the least.
    """
    longest = max(allowed, HANDSHAKE / 2) if has_session else max(allowed, PATIENT)
    return min(first * 2.0**late, longest)


def missing() -> list[str]:
    """Private names of kazoo's that are not there any more."""
    wanted = {
        ConnectionHandler: (
            "_connect",
            "_connect_loop",
            "_expand_client_hosts",
            "_read_watch_event",
            "zk_loop",
        ),
        KazooClient: ("_call", "_safe_close"),
    }
    return [
        f"{kind.__name__}.{name}"
        for kind, names in wanted.items()
        for name in names
        if not hasattr(kind, name)
    ]
