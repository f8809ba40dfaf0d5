"""One session of a PostgreSQL server in which nothing takes longer than it may.

``psycopg.connect`` counts its time limit in whole seconds, two at least, and its queries have
none, so this drives libpq's asynchronous calls, which psycopg exposes as ``psycopg.pq``.
"""

import re
import select
import time
from typing import Final

from psycopg import pq
from psycopg.errors import Error, error_from_result

from lighthouse.net.connection import Deadline

_WHERE: Final = re.compile(r'connection to server at "[^"]*"(?: \([^)]*\))?, port \d+ failed: ')

Row = list[str | None]


class PostgresqlSession:
    """An open session; it ends with this object, whoever lets go of it."""

    def __init__(self, connection: pq.abc.PGconn) -> None:
        self._connection: Final = connection
        self.opened_at: Final = time.monotonic()

    @classmethod
    def open(cls, conninfo: str, deadline: Deadline) -> "PostgresqlSession":
        """Connect and log in; raises ``OSError`` with what the server or libpq says."""
        session = cls(pq.PGconn.connect_start(conninfo.encode()))
        try:
            session._connect(deadline)
        except BaseException:
            session.close()
            raise
        return session

    @property
    def version(self) -> int:
        """The server's version as libpq counts it: 150004 for 15.4."""
        return self._connection.server_version

    def row(self, query: str, deadline: Deadline) -> Row:
        """The first row that the statements of a query return.

        Raises ``psycopg.Error`` for what the server refuses, ``OSError`` for all else.
        """
        found = self.rows(query, deadline)
        if not found:
            raise OSError("the server answered without a row")
        return found[0]

    def rows(self, query: str, deadline: Deadline) -> list[Row]:
        """All rows of the first statement that returns any; raises as ``row`` does."""
        for result in self._answers(query, deadline):
            if result.ntuples:
                return [_row(result, number) for number in range(result.ntuples)]
        return []

    def table(self, query: str, deadline: Deadline) -> list[dict[str, str | None]]:
        """Every row of the last statement that has columns, by their names."""
        rows: list[dict[str, str | None]] = []
        for result in self._answers(query, deadline):
            names = [(result.fname(index) or b"").decode() for index in range(result.nfields)]
            every = (_row(result, number) for number in range(result.ntuples))
            rows = [dict(zip(names, row, strict=True)) for row in every]
        return rows

    def close(self) -> None:
        """Say goodbye, without waiting for an answer."""
        self._connection.finish()

    def _answers(self, query: str, deadline: Deadline) -> list[pq.abc.PGresult]:
        """What has columns; raises as ``row`` does."""
        try:
            self._send(query, deadline)
            results = self._results(deadline)
        except Error as error:
            raise OSError(_plain(str(error))) from error
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise error_from_result(result)
        return [one for one in results if one.status == pq.ExecStatus.TUPLES_OK]

    def _connect(self, deadline: Deadline) -> None:
        connection = self._connection
        if connection.status == pq.ConnStatus.BAD:
            raise OSError(_plain(connection.get_error_message()))
        self._await(select.POLLOUT, deadline)
        while True:
            match connection.connect_poll():
                case pq.PollingStatus.OK:
                    break
                case pq.PollingStatus.READING:
                    self._await(select.POLLIN, deadline)
                case pq.PollingStatus.WRITING:
                    self._await(select.POLLOUT, deadline)
                case _:
                    raise OSError(_plain(connection.get_error_message()))
        connection.nonblocking = 1

    def _send(self, query: str, deadline: Deadline) -> None:
        self._connection.send_query(query.encode())
        while self._connection.flush():
            ready = self._await(select.POLLIN | select.POLLOUT, deadline)
            if ready & select.POLLIN:
                self._connection.consume_input()

    def _results(self, deadline: Deadline) -> list[pq.abc.PGresult]:
        results: list[pq.abc.PGresult] = []
        while True:
            while self._connection.is_busy():
                self._await(select.POLLIN, deadline)
                self._connection.consume_input()
            result = self._connection.get_result()
            if result is None:
                return results
            results.append(result)

    def _await(self, events: int, deadline: Deadline) -> int:
        """What of these the socket is ready for, an error included."""
        poller = select.poll()
        poller.register(self._connection.socket, events)
        while True:
            ready = poller.poll(deadline.left() * 1000 + 1)
            if ready:
                return ready[0][1]


def _row(result: pq.abc.PGresult, number: int) -> Row:
    return [_text(result.get_value(number, index)) for index in range(result.nfields)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _plain(message: str) -> str:
    """What is wrong, without the address, which is known, the severity and the indented hints."""
    lines = [_WHERE.sub("", line) for line in message.splitlines() if not line[:1].isspace()]
    return "; ".join(dict.fromkeys(line.removeprefix("FATAL:  ") for line in lines if line))
