"""The content of ``balancers/pgbouncer.yaml``, and of the section ``pgbouncer:`` of a cluster."""

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from lighthouse import secret
from lighthouse.net.size import in_bytes
from lighthouse.pgbouncer.include import GENERATION
from lighthouse.schema import Path, Problem, convert, require, unknown
from lighthouse.secret import Secret
from lighthouse.software.reload import Seconds

_ADMIN_KEYS: Final = (
    *("host", "hostaddr", "port", "user", "dbname"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey"),
)
_PATH: Final = re.compile(r"/[^\x00-\x20\x7f\"']*[^\x00-\x20\x7f\"'/]")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]{0,500}")
_CONSOLE: Final = "pgbouncer"

RESERVED: Final = {_CONSOLE: "PgBouncer's console", GENERATION: "the proof of a RELOAD"}

OPTIONS: Final[Mapping[str, type]] = {
    "application_name": str,
    "auth_dbname": str,
    "auth_query": str,
    "auth_user": str,
    "client_encoding": str,
    "connect_query": str,
    "datestyle": str,
    "load_balance_hosts": str,
    "max_db_client_connections": int,
    "max_db_connections": int,
    "min_pool_size": int,
    "pool_mode": str,
    "pool_size": int,
    "reserve_pool": int,
    "reserve_pool_size": int,
    "server_lifetime": int,
    "timezone": str,
    "user": str,
}
"""What may stand in a line of ``[databases]`` besides where the database is."""

_WORDS: Final = {
    "pool_mode": ("session", "transaction", "statement"),
    "load_balance_hosts": ("round-robin", "disable"),
}


class HoldSettings(msgspec.Struct, frozen=True):
    """``max``: seconds that clients may be held; ``confirm``: failed probes in a row first.

    ``enabled`` has clients wait while there is no primary, instead of being refused.
    """

    enabled: bool = False
    max: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0
    confirm: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2


class PgBouncerSettings(msgspec.Struct, frozen=True):
    """``admin`` is where the console is, as libpq writes it; times are seconds.

    ``include_file`` is where the databases are written, for PgBouncer's %include. ``password``
    is where that of the console's user lies. ``hold`` is for the time of a failover.
    ``timeout`` is how long one command to the console may take. ``min_interval`` is what lies
    between two reloads, at least.
    """

    include_file: str = "/etc/pgbouncer/lighthouse-databases.ini"
    admin: str = "host=/var/run/postgresql port=6432 user=lighthouse"
    password: Secret | None = None
    hold: HoldSettings = HoldSettings()
    timeout: Seconds = 2.0
    min_interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0

    def console(self) -> dict[str, str]:
        """The parameters of ``admin``, those that are left out included."""
        defaults = {"host": "/var/run/postgresql", "port": "6432", "user": "lighthouse"}
        return {**defaults, **_given(self.admin), "dbname": _CONSOLE}


class DatabaseSettings(msgspec.Struct, frozen=True):
    """One database of PgBouncer: which nodes of the cluster it leads to.

    ``fallback``: what is done while there is no replica that may serve. The lags are of
    replicas; one whose lag is not known is not within a limit.

    ``role`` is that of the nodes that it leads to. ``dbname`` is the database's name there, if
    it is another one. ``max_lag_bytes`` is how far behind a replica may be, in bytes or as
    16MB. ``max_lag`` is how far, in seconds. ``options`` are more of its line, such as
    pool_size.
    """

    role: Literal["primary", "replica", "any"] = "primary"
    dbname: str | None = None
    max_lag_bytes: Annotated[int, msgspec.Meta(ge=0)] | str | None = None
    max_lag: Annotated[float, msgspec.Meta(ge=0)] | None = None
    fallback: Literal["primary", "keep", "none"] = "primary"
    options: dict[str, str | int] = {}

    @property
    def lag_bytes(self) -> int | None:
        """The limit as a number of bytes."""
        return in_bytes(self.max_lag_bytes)

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """The options as PgBouncer reads them, sorted."""
        return tuple(sorted((key, str(value)) for key, value in self.options.items()))


class DatabasesSection(msgspec.Struct, frozen=True):
    """``pgbouncer:`` in ``clusters/*.yaml``.

    ``databases`` are those of PgBouncer that lead to this cluster, by name.
    """

    databases: Annotated[dict[str, DatabaseSettings], msgspec.Meta(min_length=1)]


def parse_settings(config: Mapping[str, Any]) -> PgBouncerSettings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, PgBouncerSettings)
    require(_faults(settings))
    return settings


def parse_section(config: Mapping[str, Any]) -> DatabasesSection:
    """A cluster's typed section; raises ``Invalid`` with every fault of it."""
    section = convert(config, DatabasesSection)
    require(_section_faults(section))
    return section


def _given(admin: str) -> dict[str, str]:
    """What a connection string says; raises ``ProgrammingError``."""
    return {key: str(value) for key, value in conninfo_to_dict(admin).items() if value != ""}


def _faults(settings: PgBouncerSettings) -> Iterator[Problem]:
    if not _PATH.fullmatch(settings.include_file):
        told = f"expected an absolute path without spaces, got {settings.include_file!r}"
        yield Problem(("include_file",), told)
    yield from secret.problems(settings.password, "password")
    try:
        given = _given(settings.admin)
    except ProgrammingError:
        yield Problem(("admin",), "expected text such as 'host=/run/postgresql port=6432'")
        return
    if "password" in given:
        yield Problem(("admin",), f"a password does not belong there; 'password' is {_ELSEWHERE}")
    for key in given.keys() - {*_ADMIN_KEYS, "password"}:
        yield Problem(("admin",), unknown(key, _ADMIN_KEYS))
    if given.get("dbname", _CONSOLE) != _CONSOLE:
        yield Problem(("admin",), "the console's dbname is pgbouncer")
    if not given.get("port", "1").isdecimal():
        yield Problem(("admin",), "expected one port")
    host = given.get("hostaddr") or given.get("host") or "/"
    if not (os.path.isabs(host) or host == "localhost" or _is_address(host)):
        yield Problem(("admin",), "host: expected the directory of its socket, or an IP address")


_ELSEWHERE: Final = Secret.expected


def _section_faults(section: DatabasesSection) -> Iterator[Problem]:
    for name, database in section.databases.items():
        place: Path = ("databases", name)
        if name in RESERVED:
            yield Problem(place, f"the name is taken by {RESERVED[name]}")
        elif not _NAME.fullmatch(name):
            yield Problem(place, "expected a name of letters, digits, _ . and -, up to 63")
        if database.dbname is not None and not (
            database.dbname and _VALUE.fullmatch(database.dbname)
        ):
            yield Problem((*place, "dbname"), "expected the name of a database")
        yield from _lag_faults(database, place)
        for key, value in database.options.items():
            if fault := _option_fault(key, value):
                yield Problem((*place, "options", key), fault)


def _lag_faults(database: DatabaseSettings, place: Path) -> Iterator[Problem]:
    try:
        in_bytes(database.max_lag_bytes)
    except ValueError as error:
        yield Problem((*place, "max_lag_bytes"), str(error))
    if database.role == "replica":
        return
    for key in ("max_lag_bytes", "max_lag"):
        if getattr(database, key) is not None:
            yield Problem((*place, key), "is of use with 'role: replica' only")


def _option_fault(key: str, value: str | int) -> str:
    if key in ("host", "port", "dbname"):
        return f"'{key}' is written by lighthouse itself"
    if key == "password":
        return "a password does not belong here; PgBouncer's auth_file has them"
    kind = OPTIONS.get(key)
    if kind is None:
        return unknown(key, OPTIONS).replace("key", "option")
    if kind is int and (not isinstance(value, int) or value < 0):
        return "expected a whole number, 0 or more"
    if kind is str and not (isinstance(value, str) and value and _VALUE.fullmatch(value)):
        return "expected text without line ends"
    words = _WORDS.get(key)
    return f"expected one of: {', '.join(words)}" if words and value not in words else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
