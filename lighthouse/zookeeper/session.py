"""The one connection of a worker: what is asked goes out here, and comes back in the loop."""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, KazooException, SessionExpiredError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.serialization import Exists

from lighthouse.net.tls import Contexts
from lighthouse.process.timing.timers import Timers
from lighthouse.text import one_line
from lighthouse.zookeeper.loop_calls import LoopCalls
from lighthouse.zookeeper.protocol.client import Done, ZooKeeperClient
from lighthouse.zookeeper.protocol.errors import refusal, refusals
from lighthouse.zookeeper.protocol.kazoo_handler import KazooHandler
from lighthouse.zookeeper.protocol.requests import PERSISTENT, AddWatch
from lighthouse.zookeeper.settings import ZooKeeperSettings

PATIENCE: Final = 4.0
"""Seconds that a call of the loop may wait for an answer."""

FIRST: Final = 2.0
"""Seconds in which a registration waits for the first connection."""

_REVIVE: Final = 2.0
_CLOSING: Final = 1.0
_LONGEST: Final = 1.0


OnEvent = Callable[[int, str], None]
"""Takes a watch event, its kind and path, in the connection's thread."""


class SessionListener(Protocol):
    """Hears in the loop what became of the connection."""

    def connected(self, renewed: bool, rooted: bool) -> None:
        """A server answers; ``renewed``: in a session that knows nothing of an earlier one.

        ``rooted``: the znode above all clusters exists there.
        """

    def disconnected(self, lost: bool, reason: str) -> None:
        """No server answers, for this reason; ``lost``: the session is gone as well."""


class ZooKeeperSession:
    """Connects for as long as it is open, with a new session whenever the old one is lost.

    Watch events are told in the connection's thread, all else in the loop.
    """

    def __init__(
        self,
        settings: ZooKeeperSettings,
        calls: LoopCalls,
        timers: Timers,
    ) -> None:
        self.server = ""
        self.reconnects = 0
        self.requests = 0
        self._settings: Final = settings
        self._calls: Final = calls
        self._timers: Final = timers
        self._contexts: Final = Contexts(settings.tls)
        self._tell_event: OnEvent = _unheard
        self._listeners: Sequence[SessionListener] = ()
        self._client: ZooKeeperClient | None = None
        self._refusals: dict[tuple[str, int], dict[str, None]] = {}  # since the last round
        self._barred = False
        self._connected = False
        self._told = False  # what became of the first attempt
        self._opened = 0.0
        self._reason = "no server has answered yet"
        self._number: int | None = None
        self._since = 0.0
        self._silent_until = 0.0
        self._unproven = 0  # connections in a row without any answer

    def open(self, on_event: OnEvent, listeners: Sequence[SessionListener]) -> None:
        """Begin to connect, without waiting for it, and tell these what comes of it."""
        self._tell_event, self._listeners = on_event, listeners
        self._connect()

    def _connect(self) -> None:
        hosts = ",".join(self._settings.hosts)
        handler = KazooHandler(self._contexts, self._settings.tls is not False)
        self._client = ZooKeeperClient(hosts, self._settings.session_timeout, handler, self)
        self._refusals, self._barred = {}, False
        self._opened = time.monotonic()
        self._client.start_async()

    def close(self, keep: bool) -> None:
        """Let go; ``keep`` leaves what was registered in the session until that expires."""
        client, self._client = self._client, None
        self._connected = False
        if client is None:
            return
        end = client.abandon if keep else client.stop
        closing = threading.Thread(target=_finish, args=(end, client), daemon=True)
        closing.start()
        closing.join(_CLOSING)

    @property
    def connected(self) -> bool:
        return self._connected

    def begun(self) -> bool:
        """Return True if anything is known by now, as it is ``FIRST`` seconds after ``open``."""
        return self._told or time.monotonic() > self._opened + FIRST

    @property
    def number(self) -> int:
        """The session's number; raises ``ConnectionError`` without one."""
        if not self._connected or self._number is None:
            raise ConnectionError(f"not connected: {self._reason}")
        return self._number

    def ask(self, request: Any, done: Done) -> None:
        """Send a request; ``done`` is called in the loop."""
        self.send(request, functools.partial(self._calls.post, done))

    def send(self, request: Any, done: Done) -> None:
        """Send a request from any thread; ``done`` is called in the connection's."""
        client = self._client
        if client is not None:
            self.requests += 1
            client.ask(request, done)

    def call(self, begin: Callable[[KazooClient], Any]) -> Any:
        """What a request of kazoo's own brings, waiting for it, but not for long.

        Raises ``ConnectionError`` or ``TimeoutError`` if there is no answer, and what kazoo
        raises if there is one. After one that did not come nobody waits again for a while.
        """
        client = self._client
        if client is None or not self._connected:
            raise ConnectionError(f"not connected: {self._reason}")
        if time.monotonic() < self._silent_until:
            raise TimeoutError(f"{self.server} does not answer")
        self.requests += 1
        try:
            return begin(client).get(timeout=PATIENCE)
        except KazooTimeoutError:
            self._silent_until = time.monotonic() + PATIENCE / 2
            raise TimeoutError(f"{self.server} does not answer") from None

    def status(self) -> dict[str, Any]:
        number = None if self._number is None else f"0x{self._number & 2**64 - 1:x}"
        return {
            "server": self.server if self._connected else "",
            "session": number if self._connected else None,
            "session_age": round(time.monotonic() - self._since, 1) if self._connected else None,
            "reconnects": self.reconnects,
            "requests": self.requests,
        }

    # In the connection's thread:

    def credentials(self) -> set[tuple[str, str]]:
        auth = self._settings.auth
        return set() if auth is None else {("digest", f"{auth.user}:{auth.password.read()}")}

    def on_refused(self, host: str, port: int, error: Exception) -> None:
        if isinstance(error, SessionExpiredError):
            return  # it takes us the next time
        self._barred = self._barred or isinstance(error, AuthFailedError)
        self._refusals.setdefault((host, port), {})[refusal(error)] = None

    def on_round(self) -> None:
        """A name may stand for several addresses: only when all were tried, there is no server."""
        client, each, self._refusals = self._client, self._refusals, {}
        if client is not None and (self._barred or each.keys() >= set(client.hosts)):
            self._calls.post(self._refused, client, refusals(each))

    def pause(self) -> float:
        """Servers that take a connection and hang up are not asked ever faster."""
        return min(_LONGEST, 0.1 * 2**self._unproven) if self._unproven else 0.0

    def on_connected(self, host: str, port: int) -> None:
        """Who answers a first question serves us; a server may take a client and not do that.

        One without persistent watches hangs up when it is asked for one.
        """
        client = self._client
        self._unproven += 1
        failed: list[Exception] = []

        def watched(_answer: Any, error: Exception | None) -> None:
            failed.extend([] if error is None else [error])

        def proved(found: Any, error: Exception | None) -> None:
            why = failed[0] if failed else error
            if why is None:
                self._proved(client, f"{host}:{port}", found is not None)
            else:
                late = client is not None and client.late
                self.on_refused(host, port, KazooTimeoutError() if late else why)

        if client is not None:
            client.ask(AddWatch(self._settings.base, PERSISTENT), watched)
            client.ask(Exists(self._settings.base, None), proved)

    def _proved(self, client: ZooKeeperClient | None, server: str, rooted: bool) -> None:
        self._unproven = 0
        self._refusals.clear()
        if client is not None:
            client.proved()
        number = None if client is None else client.session
        self._calls.post(self._came, client, server, number, rooted)

    def on_event(self, kind: int, path: str) -> None:
        self._tell_event(kind, path)

    def on_suspended(self) -> None:
        self._calls.post(self._went, self._client, False)

    def on_lost(self) -> None:
        self._calls.post(self._went, self._client, True)

    def on_end(self) -> None:
        self._calls.post(self._ended, self._client)

    # In the loop:

    def _came(
        self, client: ZooKeeperClient | None, server: str, number: int | None, rooted: bool
    ) -> None:
        if client is None or client is not self._client or number is None:
            return
        renewed = number != self._number
        self._told = True
        self.reconnects += self._since > 0
        self.server, self._number, self._connected = server, number, True
        self._silent_until = 0.0
        if renewed:
            self._since = time.monotonic()
        for one in self._listeners:
            one.connected(renewed, rooted)

    def _went(self, client: ZooKeeperClient | None, lost: bool) -> None:
        if client is None or client is not self._client or not (lost or self._connected):
            return
        self._connected = False
        self._reason = f"the connection to {self.server} broke; connecting again"
        if lost:
            self._number = None
            self._reason = f"{self.server} ended the session; connecting again"
        self._tell(lost)

    def _refused(self, client: ZooKeeperClient, why: str) -> None:
        if client is self._client and not self._connected:
            self._reason = one_line(f"no server takes us: {why}; trying again", 500)
            self._tell(lost=False)

    def _tell(self, lost: bool) -> None:
        self._told = True
        for one in self._listeners:
            one.disconnected(lost, self._reason)

    def _ended(self, client: ZooKeeperClient | None) -> None:
        """kazoo has given up, as it does when credentials are refused: begin anew."""
        if client is None or client is not self._client:
            return
        self._connected = False
        again = functools.partial(self._revive, client)
        self._timers.set("revive", time.monotonic() + _REVIVE, again)

    def _revive(self, client: ZooKeeperClient) -> None:
        if client is self._client:
            self.close(keep=False)
            self._connect()


def _unheard(_kind: int, _path: str) -> None:
    """Nobody follows anything yet."""


def _finish(end: Callable[[], None], client: ZooKeeperClient) -> None:
    try:
        end()
        client.close()
    except (KazooException, OSError):
        return
