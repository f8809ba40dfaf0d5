"""PgBouncer's admin console: what it is told and asked, and never waited for without a limit."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from psycopg import Error
from psycopg.conninfo import make_conninfo

from lighthouse.net.connection import Deadline, said
from lighthouse.net.postgresql_session import PostgresqlSession
from lighthouse.pgbouncer.settings import PgBouncerSettings
from lighthouse.text import one_line

Row = Mapping[str, str | None]


class Unreachable(OSError):
    """The console does not answer, or lets nobody in; the text says why, and what to do."""


class Declined(RuntimeError):
    """The console answers, and does not do what it is told; the text is its own."""


class PoolState(msgspec.Struct, frozen=True):
    """One database as PgBouncer has it loaded."""

    host: str
    port: int
    dbname: str
    paused: bool


class AdminConsole:
    """One session that is kept, and others for what may take longer."""

    def __init__(self, settings: PgBouncerSettings) -> None:
        self._settings: Final = settings
        self._where: Final = settings.console()
        self._kept: PostgresqlSession | None = None

    @property
    def place(self) -> str:
        """Where it is, in words."""
        host = self._where.get("hostaddr") or self._where["host"]
        return f"{host}, port {self._where['port']}"

    def databases(self) -> dict[str, PoolState]:
        """What is loaded, by name."""
        return {
            row["name"] or "": PoolState(
                row["host"] or "",
                int(row["port"] or 0),
                row["database"] or "",
                row.get("paused") == "1",
            )
            for row in self.ask("SHOW DATABASES")
        }

    def config(self) -> dict[str, str]:
        """PgBouncer's own settings."""
        return {row["key"] or "": row["value"] or "" for row in self.ask("SHOW CONFIG")}

    def version(self) -> str:
        """Such as 1.18.0."""
        rows = self.ask("SHOW VERSION")
        return (rows[0]["version"] or "").split()[-1] if rows and rows[0]["version"] else ""

    def reload(self) -> None:
        """Have the files read again; up to 1.24 it says that all is well though it is not."""
        self.ask("RELOAD")

    def resume(self, name: str) -> None:
        """Have a pool go on; one that is not paused, or no more there, does so already."""
        try:
            self.ask(f'RESUME "{name}"')
        except Declined as error:
            if "not paused" not in str(error) and "no such database" not in str(error):
                raise

    def pause(self, names: Sequence[str], deadline: Deadline) -> None:
        """Pause pools on a session of their own; raises ``OSError`` if one is not through.

        Then that one waits for a transaction, and goes on waiting until it is resumed.
        """
        with self._open(deadline) as session:
            for name in names:
                _asked(session, f'PAUSE "{name}"', deadline)

    def ask(self, query: str) -> Sequence[Row]:
        """The rows of an answer; a session that was cut in the meantime is opened anew."""
        deadline = Deadline(self._settings.timeout)
        if self._kept is not None:
            with contextlib.suppress(OSError):
                return _asked(self._kept, query, deadline)
            self.close()
        self._kept = self._connected(deadline)
        try:
            return _asked(self._kept, query, deadline)
        except OSError as error:
            self.close()
            raise Unreachable(self._told(error)) from error

    def close(self) -> None:
        """End the session that was kept."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextlib.contextmanager
    def _open(self, deadline: Deadline) -> Iterator[PostgresqlSession]:
        session = self._connected(deadline)
        try:
            yield session
        finally:
            session.close()

    def _connected(self, deadline: Deadline) -> PostgresqlSession:
        secret = self._settings.password
        try:
            password = {} if secret is None else {"password": secret.read()}
            return PostgresqlSession.open(self._conninfo(password), deadline)
        except OSError as error:
            raise Unreachable(self._told(error)) from error

    def _conninfo(self, password: Mapping[str, str]) -> str:
        """All of it is said, so that nothing is taken from the environment (``PGHOST`` ...)."""
        return make_conninfo(
            **{
                "application_name": "lighthouse",
                "target_session_attrs": "any",
                "gssencmode": "disable",
                "client_encoding": "UTF8",
                "options": "",
                "sslmode": "prefer",
                **self._where,
                **password,
            }
        )

    def _told(self, error: OSError) -> str:
        text = said(error)
        user = self._where["user"]
        if "not allowed" in text or "no such user" in text or "authentication failed" in text:
            remedy = f"have '{user}' in admin_users and in auth_file, and give 'password'"
        elif "password supplied" in text:
            remedy = "give 'password'"
        else:
            remedy = "is PgBouncer running, and is 'admin' where it listens?"
        return one_line(f"the admin console at {self.place}: {text}; {remedy}", 400)


def _asked(session: PostgresqlSession, query: str, deadline: Deadline) -> Sequence[Row]:
    try:
        return session.table(query, deadline)
    except Error as error:
        text = one_line(error.diag.message_primary or str(error))
        if "admin access" in text:
            text = f"{text}: have the user of 'admin' in admin_users of pgbouncer.ini"
        raise Declined(text) from error
