"""An application that writes all the time, and what it notices of a failover."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import psycopg

from lighthouse.demo.failover.servers import until

CLIENTS: Final = 4
_PAUSE: Final = 0.005
_INSERT: Final = b"insert into orders default values returning inet_server_port()"


class Commit(msgspec.Struct, frozen=True):
    """A write that was confirmed ``at``, after ``took`` seconds, by the server at ``port``."""

    at: float
    took: float
    port: int


class Application:
    """Clients that connect again after an error, and write the next order."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self.commits: Final[list[Commit]] = []
        self.errors: Final[list[tuple[float, str]]] = []
        self._connect: Final = connect
        self._over: Final = threading.Event()
        self._threads: Final = [
            threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.commits) > CLIENTS, "the application writes")

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)

    def writes_to(self, port: int, since: float) -> bool:
        """Return True if a server has confirmed a write since then."""
        return any(one.port == port and one.at > since for one in self.commits[-200:])

    def first(self, port: int, since: float) -> float:
        """Seconds from then until that server confirmed a write."""
        return min(one.at - since for one in self.commits if one.port == port and one.at > since)

    def stall(self, since: float) -> float:
        """The longest time since then in which nobody's write was confirmed, in seconds."""
        moments = [since, *(one.at for one in self.commits if one.at > since)]
        return max((b - a for a, b in itertools.pairwise(moments)), default=0.0)

    def errors_since(self, moment: float) -> list[tuple[float, str]]:
        return [one for one in self.errors if one[0] > moment]

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                with self._connect() as connection:
                    while not self._over.wait(_PAUSE):
                        self._write(connection)
            except psycopg.Error as error:
                self.errors.append((time.monotonic(), str(error).strip()))
                self._over.wait(0.02)

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        began = time.monotonic()
        row = connection.execute(_INSERT).fetchone()
        now = time.monotonic()
        self.commits.append(Commit(now, now - began, row[0] if row else 0))
