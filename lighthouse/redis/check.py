"""The ``redis`` check: a server answers, in the role and with the link that are wanted."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from redis.exceptions import NoPermissionError, RedisError

from lighthouse import hookimpl, secret
from lighthouse.check import Check, Result
from lighthouse.lag import Peak
from lighthouse.net.connection import BoundedConnection, Deadline, said
from lighthouse.net.tls import Contexts, Tls, problems
from lighthouse.redis.link import RedisConnection
from lighthouse.redis.replication import (
    Replication,
    ReplicationRole,
    facts,
    fault,
    parse,
    shown_lag,
)
from lighthouse.schema import Problem, convert, require
from lighthouse.secret import Secret
from lighthouse.text import one_line


class RedisSettings(msgspec.Struct, frozen=True):
    """``username`` is that of an ACL user; ``max_lag`` is in seconds. See docs/checks.md.

    ``password`` is where the password lies. ``tls`` is for servers that want it: true, or a
    map. ``role`` is master or replica: the other one does not pass.
    """

    username: str | None = None
    password: Secret | None = None
    tls: bool | Tls = False
    role: ReplicationRole = "any"
    max_lag: Annotated[float, msgspec.Meta(ge=0)] | None = None

    @property
    def replication_matters(self) -> bool:
        return self.role != "any" or self.max_lag is not None


class RedisCheck(Check):
    """Sends PING and expects PONG, as in 2016; asks for the replication, too."""

    settings_type: ClassVar = RedisSettings

    def __init__(self) -> None:
        self._settings = RedisSettings()
        self._contexts = Contexts(False)
        self._lag = Peak()

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        require(_faults(convert(config, RedisSettings)))

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, RedisSettings)
        self._contexts = Contexts(self._settings.tls)

    def perform(self, host: str, port: int, timeout: float) -> Result:
        try:
            credentials = self._credentials()
        except OSError as error:
            return Result(False, f"no password: {said(error)}")
        try:
            connection = BoundedConnection.open(host, port, self._contexts, Deadline(timeout))
        except (OSError, ValueError) as error:
            return Result(False, f"no connection: {said(error)}")
        try:
            return self._converse(RedisConnection(connection, **credentials))
        except (RedisError, OSError, ValueError) as error:
            return Result(False, one_line(_told(error)))
        finally:
            connection.close()

    def _converse(self, link: RedisConnection) -> Result:
        link.connect()
        pong = link.ask("PING")
        if pong != b"PONG":
            return Result(False, one_line(f"answered {pong!r} to PING, expected PONG"))
        try:
            found = parse(link.ask("INFO", "replication"))
        except NoPermissionError:
            return self._uninformed("may not run INFO; grant the user +info")
        except (RedisError, OSError, ValueError) as error:
            return self._uninformed(f"does not tell its role: {_told(error)}")
        return self._judge(found)

    def _credentials(self) -> dict[str, str]:
        settings = self._settings
        if settings.password is None:
            return {}
        password = settings.password.read()
        named = {} if settings.username is None else {"username": settings.username}
        return {"password": password, **named}

    def _judge(self, found: Replication) -> Result:
        lag = shown_lag(found)
        metadata = facts(found, None if lag is None else self._lag.take(lag, time.monotonic()))
        wrong = fault(found, self._settings.role, self._settings.max_lag)
        return Result(not wrong, wrong or f"PONG from a {found.role}", metadata)

    def _uninformed(self, why: str) -> Result:
        """PONG is enough where nobody asked for more: also from proxies, which know no INFO."""
        return Result(not self._settings.replication_matters, one_line(f"PONG, but {why}"))


def _told(error: Exception) -> str:
    """An error in an operator's words; what the connection said is the better text."""
    cause = error.__context__
    if isinstance(cause, OSError):
        return f"no answer: {said(cause)}"
    text = str(error)
    if "Authentication required" in text:
        return "a password is required; give 'password', and 'username' for an ACL user"
    if "invalid username-password" in text.lower() or "invalid password" in text:
        return "the password (or 'username') is wrong, or the user is disabled"
    if "without any password configured" in text:
        return "a password is given, but the server has none; remove 'password'"
    return text


def _faults(settings: RedisSettings) -> list[Problem]:
    found = [*problems(settings.tls), *secret.problems(settings.password, "password")]
    if settings.username is not None and settings.password is None:
        found.append(Problem(("username",), "'password' is missing beside it"))
    if settings.role == "master" and settings.max_lag is not None:
        found.append(Problem(("max_lag",), "means nothing with 'role: master'"))
    return found


@hookimpl
def lighthouse_check() -> type[Check]:
    return RedisCheck
