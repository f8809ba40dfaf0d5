"""A steady stream of requests, of which every single failure is kept."""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

SERVER: Final = "X-Server"
"""The header in which HAProxy names the server that it picked, also in its own errors."""

CLIENTS: Final = 8
PATIENCE: Final = 10.0
"""Seconds until a request without an answer has failed."""


class FailedRequest(msgspec.Struct, frozen=True):
    """A request that was not answered as it should be; times are ``time.monotonic()``.

    ``server`` is HAProxy's name of the server it picked, empty if it did not say.
    """

    sent: float
    ended: float
    server: str
    what: str


class RequestStream:
    """Requests at a steady rate to several ports, half of the clients with keep-alive."""

    def __init__(self, ports: Sequence[int], rate: float) -> None:
        self.failures: Final[list[FailedRequest]] = []
        self.slowest = 0.0
        self._answers: Final[Counter[str]] = Counter()
        self._sent = 0
        self._lock: Final = threading.Lock()
        self._ended: Final = threading.Event()
        pause = CLIENTS / rate
        self._threads: Final = [
            threading.Thread(
                target=self._client, args=(port, number % 4 < 2, pause, number * pause / CLIENTS)
            )
            for number, port in zip(range(CLIENTS), itertools.cycle(ports), strict=False)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait for the requests on their way, and send no more."""
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    @property
    def requests(self) -> int:
        """How many have ended so far, well or not."""
        with self._lock:
            return self._sent

    def answers(self, address: str) -> int:
        """How many were answered by this address."""
        with self._lock:
            return self._answers[address]

    def _client(self, port: int, keep_alive: bool, pause: float, first: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        due = time.monotonic() + first
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            self._request(connection, keep_alive)
            if not keep_alive:
                connection.close()
            due = max(due + pause, time.monotonic() - pause)
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, keep_alive: bool) -> None:
        headers = {} if keep_alive else {"Connection": "close"}
        sent = time.monotonic()
        answer, server, what = "", "", ""
        try:
            connection.request("GET", "/", headers=headers)
            response = connection.getresponse()
            server = response.headers.get(SERVER, "")
            answer = response.read().decode(errors="replace").strip()
            if response.status != 200:
                what = f"status {response.status}"
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            what = f"{type(error).__name__}: {error}"
        self._note(sent, time.monotonic(), answer, server, what)

    def _note(self, sent: float, ended: float, answer: str, server: str, what: str) -> None:
        with self._lock:
            self._sent += 1
            self.slowest = max(self.slowest, ended - sent)
            if what:
                self.failures.append(FailedRequest(sent, ended, server, what))
            else:
                self._answers[answer] += 1
