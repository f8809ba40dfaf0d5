"""The content of ``discovery/NAME.yaml`` for an etcd, and what is wrong with it."""

import urllib.parse
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from lighthouse import secret
from lighthouse.net import tls
from lighthouse.net.tls import Tls
from lighthouse.record import Format
from lighthouse.schema import Problem, convert, require, shown
from lighthouse.secret import Secret

DEFAULT_PORT = 2379


class EtcdAuth(msgspec.Struct, frozen=True):
    """A user of etcd; the password is only ever referred to.

    ``user`` is its name. ``password`` is where its password lies.
    """

    user: str
    password: Secret


class EtcdSettings(msgspec.Struct, frozen=True):
    """See docs/discovery-etcd.md; ``lease_ttl`` and ``audit`` are seconds.

    ``endpoints`` are URLs of members, such as http://10.0.0.1:2379. ``path`` is what every key
    begins with, such as /lighthouse. ``tls`` is for endpoints that begin with https. ``auth``
    is whom to log in as. ``format`` of records: lighthouse, or smartstack for those of nerve.
    ``haproxy_server_options`` takes options of servers from SmartStack's records.
    """

    endpoints: list[str]
    path: str
    tls: bool | Tls = False
    auth: EtcdAuth | None = None
    lease_ttl: Annotated[int, msgspec.Meta(ge=3, le=3600)] = 30
    format: Format = "lighthouse"
    haproxy_server_options: bool = False
    audit: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 600.0

    @property
    def prefix(self) -> bytes:
        """What every key begins with."""
        return self.path.rstrip("/").encode() + b"/"


class Endpoint(msgspec.Struct, frozen=True):
    """Where one member, or something before several, takes clients."""

    secure: bool
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


def endpoint(url: str) -> Endpoint:
    """The endpoint that a URL names; raises ``ValueError`` if it names none."""
    found = urllib.parse.urlsplit(url)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ValueError("expected http://HOST:PORT or https://HOST:PORT")
    if found.path.strip("/") or found.query or found.fragment or found.username is not None:
        raise ValueError("expected only scheme, host and port")
    return Endpoint(found.scheme == "https", found.hostname, found.port or DEFAULT_PORT)


def read(config: Mapping[str, Any]) -> EtcdSettings:
    """The settings; raises ``Invalid`` with every fault."""
    settings = convert(config, EtcdSettings)
    found = [*_endpoint_faults(settings), *tls.problems(settings.tls), *_path_faults(settings)]
    if settings.auth is not None:
        found += secret.problems(settings.auth.password, "auth", "password")
        if not settings.auth.user:
            found.append(Problem(("auth", "user"), "expected the name of a user"))
    if settings.haproxy_server_options and settings.format != "smartstack":
        place = ("haproxy_server_options",)
        found.append(Problem(place, "means nothing without 'format: smartstack'"))
    require(found)
    return settings


def _endpoint_faults(settings: EtcdSettings) -> list[Problem]:
    if not settings.endpoints:
        return [Problem(("endpoints",), "expected at least one URL")]
    found = []
    secure = 0
    for index, url in enumerate(settings.endpoints):
        try:
            secure += endpoint(url).secure
        except ValueError as error:
            found.append(Problem(("endpoints", index), f"{error}, got {shown(url)}"))
    if settings.tls is not False and not found and secure < len(settings.endpoints):
        found.append(Problem(("tls",), "means nothing for endpoints that begin with http://"))
    return found


def _path_faults(settings: EtcdSettings) -> list[Problem]:
    path = settings.path
    if not path.startswith("/") or "//" in path or not path.isprintable() or len(path) > 500:
        return [Problem(("path",), "expected '/' and the beginning of the keys, as /lighthouse")]
    return []
