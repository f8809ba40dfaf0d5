"""The content of ``balancers/postgresql.yaml``, and of a cluster's ``postgresql:`` section."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from psycopg import Error
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lighthouse import secret
from lighthouse.postgresql.replication import PREFIX
from lighthouse.schema import Problem, convert, require
from lighthouse.secret import Secret
from lighthouse.software.reload import Seconds

LOCAL: Final = "host=/var/run/postgresql user=lighthouse dbname=postgres"

_OWN: Final = (
    *("host", "hostaddr", "port", "user", "dbname", "application_name", "replication"),
    *("service", "target_session_attrs", "load_balance_hosts"),
)
"""What is not for the operator to add: written by Lighthouse itself, or against its purpose."""

_NAME: Final = re.compile(r"[\x20-\x7e]{1,63}")
_PATH: Final = re.compile(r"/[^\x00-\x1f\x7f]*[^/\x00-\x1f\x7f]")


class ReplicationSettings(msgspec.Struct, frozen=True):
    """How standbys log in to the primary; ``port`` None: the one that it is registered with.

    ``extra`` are more parameters of libpq's, such as ``passfile`` and ``sslmode``.

    ``manage`` has primary_conninfo written. ``user`` is whom standbys log in as. ``dbname`` is
    the database that they name.
    """

    manage: bool = True
    user: str = "replicator"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    dbname: str = "postgres"
    extra: dict[str, str | int] = {}


class SlotSettings(msgspec.Struct, frozen=True):
    """Slots that a primary has for its standbys; ``ttl`` is seconds.

    ``manage`` has slots made and dropped. ``prefix`` is what their names begin with.
    """

    manage: bool = False
    prefix: Annotated[str, msgspec.Meta(pattern=PREFIX)] = "lh_"
    ttl: Annotated[float, msgspec.Meta(ge=60)] = 86_400.0


class SynchronousSettings(msgspec.Struct, frozen=True):
    """Standbys that a commit waits for: ``count`` of them; times are seconds.

    ``on_too_few``: where none streams, ``keep`` has commits wait, ``degrade`` has them wait
    for nobody.

    ``manage`` has synchronous_standby_names written. ``method`` is any, or first.
    ``shrink_grace`` is how long a standby that is gone stays on the list.
    """

    manage: bool = False
    method: Literal["any", "first"] = "any"
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    on_too_few: Literal["keep", "degrade"] = "keep"
    shrink_grace: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 30.0


class FollowSettings(msgspec.Struct, frozen=True):
    """The server of this host, and what of it is kept; times are seconds.

    ``include_file`` is where settings are written, for postgresql.conf to include.
    ``conninfo`` is how the server of this host is reached, as libpq writes it. ``password`` is
    where that of its user lies. ``node_name`` is this host's among the nodes, if it is not the
    host's name. ``replication`` is what standbys follow the primary with. ``slots`` are
    replication slots. ``synchronous`` is which standbys a commit waits for. ``timeout`` is how
    long one question may take. ``min_interval`` is what lies between two writes, at least.
    """

    include_file: str
    conninfo: str = LOCAL
    password: Secret | None = None
    node_name: str | None = None
    replication: ReplicationSettings = ReplicationSettings()
    slots: SlotSettings = SlotSettings()
    synchronous: SynchronousSettings = SynchronousSettings()
    timeout: Seconds = 5.0
    min_interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0


class FollowSection(msgspec.Struct, frozen=True):
    """``postgresql:`` in ``clusters/*.yaml``: this cluster has the servers of the database."""


def parse_settings(config: Mapping[str, Any]) -> FollowSettings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, FollowSettings)
    require(_faults(settings))
    return settings


def local_conninfo(settings: FollowSettings) -> str:
    """How the server of this host is reached; raises ``OSError`` if its password is not there."""
    login = {} if settings.password is None else {"password": settings.password.read()}
    return make_conninfo(
        settings.conninfo, application_name="lighthouse", client_encoding="UTF8", **login
    )


def _faults(settings: FollowSettings) -> Iterator[Problem]:
    path = settings.include_file
    if not _PATH.fullmatch(path):
        yield Problem(("include_file",), f"expected an absolute path of a file, got {path!r}")
    elif not path.endswith(".conf") or path.rpartition("/")[2].startswith("."):
        told = "expected a name that ends in .conf and does not begin with a dot"
        yield Problem(("include_file",), f"{told}: PostgreSQL includes no others")
    elif path.rpartition("/")[2] in ("postgresql.conf", "postgresql.auto.conf"):
        yield Problem(("include_file",), "expected a file of its own, not PostgreSQL's")
    yield from _conninfo_faults(settings.conninfo)
    yield from secret.problems(settings.password, "password")
    if settings.node_name is not None and not _NAME.fullmatch(settings.node_name):
        yield Problem(("node_name",), "expected 1 to 63 printable ASCII characters")
    for key in ("user", "dbname"):
        if not getattr(settings.replication, key) or "\0" in getattr(settings.replication, key):
            yield Problem(("replication", key), "expected a name")
    yield from _extra_faults(settings.replication.extra)


def _conninfo_faults(text: str) -> Iterator[Problem]:
    place = ("conninfo",)
    try:
        given = conninfo_to_dict(text)
    except Error as error:
        yield Problem(place, f"expected a connection string such as '{LOCAL}': {error}".strip())
        return
    if "password" in given:
        yield Problem(place, "has a password: give it as 'password: {file: /absolute/path}'")
    host = str(given.get("hostaddr") or given.get("host") or "/")
    if not _is_local(host):
        told = f"expected the server of this host, by its socket's directory, got host={host}"
        yield Problem(place, told)


def _is_local(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _extra_faults(extra: Mapping[str, str | int]) -> Iterator[Problem]:
    for key, value in extra.items():
        place = ("replication", "extra", key)
        if key == "password":
            yield Problem(place, "would stand in a file that others may read: give 'passfile'")
        elif key in _OWN:
            yield Problem(place, "is written by lighthouse itself, or not of use here")
        elif not str(value).isprintable():
            yield Problem(place, "expected printable text")
        else:
            try:
                make_conninfo(**{key: str(value)})
            except Error:
                yield Problem(place, "is no parameter of libpq")
