"""What the threads of the plugin know of the connection to etcd, and what is said of it."""

import threading
import time
from typing import Final

from lighthouse.discovery import OnConnection
from lighthouse.etcd.errors import EtcdAway, Trouble
from lighthouse.etcd.http import WatchStream
from lighthouse.etcd.settings import Endpoint

LAG: Final = 5.0
"""Seconds after which a watch has to be where a read of the same endpoint was."""

_SETTLED: Final = 1.0


class EtcdSession:
    """One endpoint for as long as its watch lives.

    Reads through the endpoint ``mark`` how far it is; a watch that does not get there lags.
    """

    def __init__(self, endpoint: Endpoint, stream: WatchStream) -> None:
        self.endpoint: Final = endpoint
        self.fault: Trouble | None = None
        self._began: Final = time.monotonic()
        self._stream: Final = stream
        self._mark: tuple[int, float] | None = None

    @property
    def settled(self) -> bool:
        """Return True if it lasted for long enough to be more than an attempt."""
        return time.monotonic() - self._began > _SETTLED

    def mark(self, revision: int) -> None:
        """A read was answered as of this revision."""
        if self._mark is None:
            self._mark = (revision, time.monotonic())

    def pass_mark(self, revision: int) -> None:
        """The watch is at this revision; raises ``EtcdAway`` if it should long be further."""
        if self._mark is None:
            return
        reached, at = self._mark
        if revision >= reached:
            self._mark = None
        elif time.monotonic() - at > LAG:
            raise EtcdAway(f"its watch is at revision {revision}, its reads were at {reached}")

    def fail(self, fault: Trouble) -> None:
        """The endpoint is of no use: have the watch end."""
        self.fault = self.fault or fault
        self._stream.interrupt()


class EtcdConnection:
    """The session that is up, if one is, and the state that was announced."""

    def __init__(self, on_connection: OnConnection) -> None:
        self._on_connection: Final = on_connection
        self._changed: Final = threading.Condition()
        self._session: EtcdSession | None = None
        self._announced = "connecting"
        self._reason = ""

    @property
    def session(self) -> EtcdSession | None:
        return self._session

    @property
    def state(self) -> str:
        """For operators: the state, with the reason if there is one."""
        return f"{self._announced}: {self._reason}" if self._reason else self._announced

    def up(self, session: EtcdSession) -> None:
        """A session is there; ``announce`` follows when it is known what became of the lease."""
        with self._changed:
            self._session = session
            self._changed.notify_all()

    def down(self) -> None:
        """There is no session; that is not worth a word while another is being made."""
        with self._changed:
            self._session = None

    def announce(self, reason: str = "") -> None:
        """Say that etcd answers, unless that was said last or is not so any more."""
        with self._changed:
            said = (self._announced, self._reason)
            if self._session is not None and said != ("connected", reason):
                self._announced, self._reason = "connected", reason
                self._on_connection("connected", reason)

    def suspend(self, reason: str) -> None:
        """Say that no endpoint answers, and why not."""
        with self._changed:
            if (self._announced, self._reason) != ("suspended", reason):
                self._announced, self._reason = "suspended", reason
                self._on_connection("suspended", reason)
            self._changed.notify_all()

    def lose(self, reason: str) -> None:
        """Say that what was registered is gone, and that it may be registered again."""
        with self._changed:
            self._announced, self._reason = "lost", reason
            self._on_connection("lost", reason)

    def need(self, seconds: float) -> EtcdSession:
        """The session; waits for the first one, and raises ``EtcdAway`` if there is none."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._session is None:
                left = deadline - time.monotonic()
                if self._announced == "suspended" or left <= 0:
                    raise EtcdAway(self._reason or "no endpoint has answered yet")
                self._changed.wait(left)
            return self._session

    def close(self) -> None:
        """End the session, from outside of the thread that serves it."""
        session = self._session
        if session is not None:
            session.fail(EtcdAway("disconnected"))
