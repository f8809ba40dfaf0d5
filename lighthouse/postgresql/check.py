"""The ``postgresql`` check: a server answers, as a primary or a replica not far behind."""

import contextlib
import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import msgspec
from psycopg import Error

from lighthouse import hookimpl, secret
from lighthouse.check import Check, Result
from lighthouse.lag import Peak
from lighthouse.net.connection import Deadline, resolve, said
from lighthouse.net.postgresql_session import PostgresqlSession, Row
from lighthouse.net.size import in_bytes
from lighthouse.net.tls import Tls, problems
from lighthouse.postgresql import replication
from lighthouse.postgresql.parameters import conninfo
from lighthouse.postgresql.replication import (
    OLDEST,
    PREFIX,
    QUERY,
    SYSTEM,
    LagLimits,
    ReplicationState,
    ServerRole,
)
from lighthouse.schema import Problem, convert, require
from lighthouse.secret import Secret
from lighthouse.text import one_line

RENEWAL: Final = 30.0
"""Seconds after which a session is replaced, for only a new one shows that logins work."""

AGAIN: Final = 0.1
"""Seconds between two looks at a replica that has no primary."""

EXPECTANT: Final = 60.0
"""Seconds for which a promotion is expected of it."""


class PostgresqlSettings(msgspec.Struct, frozen=True):
    """``max_lag`` is in seconds, ``max_lag_bytes`` a number or text like 16MB.

    ``slots`` is the prefix of the replication slots whose names a primary publishes.

    ``user`` is whom to log in as. ``dbname`` is the database to log in to. ``password`` is
    where the password lies. ``tls`` is for servers that want it: true, or a map. ``role`` is
    primary or replica: the other one does not pass.
    """

    user: str = "lighthouse"
    dbname: str = "postgres"
    password: Secret | None = None
    tls: bool | Tls = False
    role: ServerRole = "any"
    max_lag: Annotated[float, msgspec.Meta(ge=0)] | None = None
    max_lag_bytes: Annotated[int, msgspec.Meta(ge=0)] | str | None = None
    slots: Annotated[str, msgspec.Meta(pattern=PREFIX)] | None = None


class PostgresqlCheck(Check):
    """Asks a real query, in a session that it keeps for the next performance."""

    settings_type: ClassVar = PostgresqlSettings

    def __init__(self) -> None:
        self._settings = PostgresqlSettings()
        self._limits = LagLimits()
        self._session: PostgresqlSession | None = None
        self._system: str | None = None
        self._lag_bytes, self._lag_seconds = Peak(), Peak()
        self._alone_since: float | None = None

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(_faults(convert(config, PostgresqlSettings)))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        settings = self._settings = convert(config, PostgresqlSettings)
        size = in_bytes(settings.max_lag_bytes)
        self._limits = LagLimits(settings.role, settings.max_lag, size)
        self._end_session()

    def perform(self, host: str, port: int, timeout: float) -> Result:
        deadline = Deadline(timeout)
        # Half of the time: a session that died unnoticed leaves enough for a new one.
        row = self._kept(Deadline(timeout / 2))
        try:
            return self._judge(row or self._fresh(host, port, deadline), deadline)
        except Error as error:
            self._end_session()
            text = error.diag.message_primary or str(error)
            return Result(False, one_line(f"the query failed: {text}"))
        except (OSError, ValueError) as error:
            self._end_session()
            return Result(False, one_line(said(error)))

    def _kept(self, deadline: Deadline) -> Row | None:
        """The answer of the session that was kept; None if it is too old or is no more."""
        session = self._session
        if session is not None and time.monotonic() - session.opened_at < RENEWAL:
            with contextlib.suppress(OSError, Error):
                return session.row(_query(deadline), deadline)
        self._end_session()
        return None

    def _fresh(self, host: str, port: int, deadline: Deadline) -> Row:
        password = self._password()
        try:
            addresses = resolve(host, port, deadline)
            login = {
                "user": self._settings.user,
                "dbname": self._settings.dbname,
                "password": password,
            }
            info = conninfo(host, addresses, self._settings.tls, login)
            session = PostgresqlSession.open(info, deadline)
        except OSError as error:
            raise OSError(f"no connection: {_advised(said(error))}") from error
        if 0 < session.version < OLDEST:
            version = f"{session.version // 10_000}.{session.version // 100 % 100}"
            session.close()
            raise OSError(f"PostgreSQL {version} is too old, expected 10 or newer")
        self._session = session
        self._system = _system(session, deadline)
        return session.row(_query(deadline), deadline)

    def _password(self) -> str | None:
        try:
            return None if self._settings.password is None else self._settings.password.read()
        except OSError as error:
            raise OSError(f"no password: {said(error)}") from error

    def _judge(self, row: Row, deadline: Deadline) -> Result:
        found = replication.parse(row)
        wrong = replication.fault(found, self._limits, self._settings.user)
        reason = wrong or replication.described(found, self._settings.user)
        facts = {**self._facts(found), **self._slots(found, deadline)}
        return Result(not wrong, one_line(reason), facts, self._again(found))

    def _again(self, found: ReplicationState) -> float | None:
        """A replica that has lost its primary may be promoted at any moment, for a while."""
        if found.role == "primary" or found.streaming or not found.visible:
            self._alone_since = None
            return None
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        return AGAIN if now - self._alone_since < EXPECTANT else None

    def _slots(self, found: ReplicationState, deadline: Deadline) -> dict[str, Any]:
        """The slots that a primary has for its standbys, if they are to be published."""
        prefix, session = self._settings.slots, self._session
        if prefix is None or session is None or found.role != "primary":
            return {}
        return {"slots": session.row(replication.slots_query(prefix), deadline)[0] or ""}

    def _facts(self, found: ReplicationState) -> dict[str, Any]:
        now = time.monotonic()
        size, age = found.lag_bytes, found.lag_seconds
        return replication.facts(
            found,
            None if size is None else self._lag_bytes.take(size, now),
            None if age is None or not found.visible else self._lag_seconds.take(age, now),
            self._system,
        )

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _query(deadline: Deadline) -> str:
    """The query in a transaction that the server ends by itself, if this side cannot."""
    limit = max(int(deadline.left() * 1000), 1)
    return f"begin read only; set local statement_timeout = {limit};{QUERY}; commit"


def _system(session: PostgresqlSession, deadline: Deadline) -> str | None:
    """The identifier of its database system, None if the user may not see it."""
    try:
        return session.row(SYSTEM, deadline)[0]
    except Error:
        return None


def _advised(text: str) -> str:
    if "no password supplied" in text:
        return f"{text}; give 'password'"
    if "no encryption" in text:
        return f"{text}; the server may want TLS: give 'tls'"
    return text


def _faults(settings: PostgresqlSettings) -> list[Problem]:
    found = [*problems(settings.tls), *secret.problems(settings.password, "password")]
    for key in ("user", "dbname"):
        value = getattr(settings, key)
        if not value or "\0" in value:
            found.append(Problem((key,), "expected a name"))
    try:
        in_bytes(settings.max_lag_bytes)
    except ValueError as error:
        found.append(Problem(("max_lag_bytes",), str(error)))
    if settings.role == "primary":
        for key in ("max_lag", "max_lag_bytes"):
            if getattr(settings, key) is not None:
                found.append(Problem((key,), "means nothing with 'role: primary'"))
    return found


@hookimpl
def lighthouse_check() -> type[Check]:
    return PostgresqlCheck
