"""HTTP/1.1 with one endpoint: questions on a kept connection, and the stream of a watch.

The standard library's client over a connection that is bounded as a whole. What no packaged
client offers is needed for the watch: to write into a request whose answer is being read.
"""

import http.client
import ssl
import time
from typing import Any, Final, cast

from lighthouse.etcd.errors import EtcdAway, TooLarge
from lighthouse.etcd.settings import Endpoint
from lighthouse.net.connection import BoundedConnection, Deadline
from lighthouse.net.http import HttpClient, Received
from lighthouse.net.tls import Contexts

MAX_ANSWER: Final = 32 * 1024 * 1024
"""Bytes of an answer that are held in memory at most."""

BEAT: Final = 1.0
"""Seconds of silence after which a stream is asked for a sign of life."""

SILENCE: Final = 3.0
"""Seconds that the answer to that may take."""

_CONNECTING: Final = 2.0
_CHUNK: Final = 64 * 1024


class Http:
    """Asks one question at a time; every call may raise ``OSError`` or ``HTTPException``."""

    def __init__(self, endpoint: Endpoint, contexts: Contexts) -> None:
        self._endpoint: Final = endpoint
        self._contexts: Final = contexts
        self._connection: BoundedConnection | None = None
        self._client: HttpClient | None = None

    def ask(
        self, method: str, target: str, body: bytes, token: str, deadline: Deadline
    ) -> tuple[int, bytes]:
        """Status and body of the answer.

        A kept connection may have been closed meanwhile; then the question is put once more,
        for none of them does any harm when it is put twice.
        """
        kept = self._client is not None and self._client.sock is not None
        try:
            return self._ask(method, target, body, token, deadline)
        except TimeoutError:
            self.close()
            raise
        except (OSError, http.client.HTTPException):
            self.close()
            if not kept:
                raise
        try:
            return self._ask(method, target, body, token, deadline)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._client = None

    def _ask(
        self, method: str, target: str, body: bytes, token: str, deadline: Deadline
    ) -> tuple[int, bytes]:
        client = self._open(deadline)
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if token:
            headers["authorization"] = token
        client.request(method, target, body or None, headers)
        response = client.getresponse()
        answer = response.read(MAX_ANSWER)
        if response.read(1):
            self.close()
            raise TooLarge(f"an answer of more than {MAX_ANSWER} bytes")
        if response.length:
            raise http.client.IncompleteRead(answer, response.length)
        return response.status, answer

    def _open(self, deadline: Deadline) -> HttpClient:
        if self._client is not None and self._client.sock is None:
            self.close()
        if self._connection is None or self._client is None:
            self._connection = connect(self._endpoint, self._contexts, deadline)
            self._client = HttpClient(self._endpoint.host, self._endpoint.port, self._connection)
        self._connection.renew(deadline)
        return self._client


class WatchStream:
    """A request that stays open, and the lines of its answer as they come.

    While nothing comes, ``beat`` is written every second, and its answer is awaited: a server
    that is stopped, cut off or stuck is known within seconds, on the very connection that
    it is about.
    """

    def __init__(self, connection: BoundedConnection, beat: bytes) -> None:
        self._connection: Final = connection
        self._beat: Final = beat
        self._asked_at: float | None = None
        self._begin_by: Deadline | None = None
        self._rest = b""
        self._response: http.client.HTTPResponse | None = None

    def begin(
        self, endpoint: Endpoint, target: str, first: bytes, token: str, deadline: Deadline
    ) -> None:
        """Send the request with its first message; raises like ``messages``.

        The answer has to begin by the deadline.
        """
        self._begin_by = deadline
        lines = [
            f"POST {target} HTTP/1.1",
            f"Host: {endpoint.host}:{endpoint.port}",
            "Content-Type: application/json",
            "Transfer-Encoding: chunked",
            # Without this Go's server wants all of the request before it begins to answer.
            "Connection: close",
        ]
        if token:
            lines.append(f"Authorization: {token}")
        head = "\r\n".join([*lines, "", ""]).encode()
        self._write(head + _chunk(first))
        self._asked_at = time.monotonic()
        response = http.client.HTTPResponse(cast(Any, Received(self, _CHUNK)), method="POST")
        response.begin()
        self._response, self._begin_by = response, None

    def refused(self) -> tuple[int, bytes] | None:
        """Status and body, if this is no stream after all."""
        assert self._response is not None
        if self._response.status == 200:
            return None
        return self._response.status, self._response.read(_CHUNK)

    def messages(self) -> list[bytes]:
        """The next lines, at least one; none at the end of the stream.

        Raises ``EtcdAway`` after a silence that means something, ``OSError`` or ``HTTPException``
        for a connection that failed.
        """
        assert self._response is not None
        while True:
            piece = self._response.read1(_CHUNK)
            if not piece:
                return []
            *lines, self._rest = (self._rest + piece).split(b"\n")
            lines = [line for line in lines if line]
            if lines:
                return lines
            if len(self._rest) > MAX_ANSWER:
                raise TooLarge(f"a message of more than {MAX_ANSWER} bytes")

    def recv_into(self, buffer: Any) -> int:
        """Wait for bytes, however long it takes as long as there are signs of life."""
        while True:
            if self._begin_by is not None:
                self._begin_by.left()
            self._connection.renew(Deadline(BEAT))
            try:
                count = self._connection.recv_into(buffer)
            except TimeoutError:
                self._remind()
            else:
                self._asked_at = None
                return count

    def interrupt(self) -> None:
        """End the stream from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def _remind(self) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            self._write(_chunk(self._beat))
        elif now - self._asked_at >= SILENCE:
            raise EtcdAway("its watch gives no sign of life")

    def _write(self, data: bytes) -> None:
        self._connection.renew(Deadline(_CONNECTING))
        self._connection.sendall(data)


def connect(endpoint: Endpoint, contexts: Contexts, deadline: Deadline) -> BoundedConnection:
    """A connection, with TLS where the endpoint says so; raises ``OSError``."""
    bounded = Deadline(min(_CONNECTING, deadline.left()))
    try:
        return BoundedConnection.open(endpoint.host, endpoint.port, contexts, bounded)
    except (ConnectionResetError, ssl.SSLEOFError) as error:
        if not endpoint.secure:
            raise
        what = "it ended the connection instead of speaking TLS; does it speak plain http?"
        raise ConnectionError(what) from error


def _chunk(message: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(message), message)
