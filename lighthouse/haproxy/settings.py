"""The content of ``balancers/haproxy.yaml`` and of a cluster's ``haproxy:`` section."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from lighthouse.haproxy.directive import fault, words
from lighthouse.messages import Problem
from lighthouse.node import is_cluster_name
from lighthouse.schema import Invalid, convert

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Place = tuple[str | int, ...]

_PATH: Final = re.compile(r"/[A-Za-z0-9_./@+=-]+")
_URI: Final = re.compile(r"/[A-Za-z0-9_./?=&~-]*")
_DURATION: Final = re.compile(r"[0-9]{1,10}(us|ms|s|m|h|d)?")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_SOCKET_LENGTH: Final = 88
"""HAProxy binds beside the socket first, under a longer name; the kernel takes 107."""


class Timeouts(msgspec.Struct, frozen=True):
    """Milliseconds, or text with a unit such as ``10s``."""

    connect: int | str = "5s"
    client: int | str = "60s"
    server: int | str = "60s"


class Stats(msgspec.Struct, frozen=True):
    """The built-in statistics page."""

    port: Port
    uri: str = "/"
    timeouts: Timeouts = Timeouts()


class MetaCluster(msgspec.Struct, frozen=True):
    """One port that several clusters share; each member's ``acl`` picks its requests."""

    port: Port
    frontend: tuple[str, ...] = ()


class Upstream(msgspec.Struct, frozen=True):
    """A fixed server of a proxy; a ``host`` by name is resolved when HAProxy starts."""

    host: str
    port: Port
    max_conn: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Proxy(msgspec.Struct, frozen=True):
    """A port that leads to fixed servers, without any discovery."""

    port: Port
    upstreams: tuple[Upstream, ...] = ()
    bind_address: str | None = None
    options: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """``balancers/haproxy.yaml``; the keys of the 2016 lighthouse mean the same here."""

    config_file: str
    socket_file: str
    pid_file: str
    global_: tuple[str, ...] = msgspec.field(name="global", default=())
    defaults: tuple[str, ...] = ()
    bind_address: str = "*"
    stats: Stats | None = None
    meta_clusters: dict[str, MetaCluster] = {}
    proxies: dict[str, Proxy] = {}
    haproxy_bin: str | None = None
    master_socket: str | None = None

    @property
    def master(self) -> str:
        return self.master_socket or f"{self.socket_file}.master"


class Section(msgspec.Struct, frozen=True):
    """A cluster's ``haproxy:`` section."""

    port: Port | None = None
    frontend: tuple[str, ...] = ()
    backend: tuple[str, ...] = ()
    server_options: str | tuple[str, ...] = ()
    acl: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The words that follow each server's address."""
        given = self.server_options
        lines = (given,) if isinstance(given, str) else given
        return tuple(word for line in lines for word in words(line))


def parse_settings(config: Mapping[str, Any]) -> Settings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, Settings)
    problems = (*_paths(settings), *_lines(settings), *_names(settings), *_ports(settings))
    if problems:
        raise Invalid(problems)
    return settings


def parse_section(config: Mapping[str, Any]) -> Section:
    """The typed content; raises ``Invalid`` with every fault of it."""
    section = convert(config, Section)
    problems = list(_section_lines(section))
    for word in ("disabled", "id", "track"):
        if word in section.options:
            text = f"'{word}' cannot be given for all servers of a cluster"
            problems.append(Problem(("server_options",), text))
    if problems:
        raise Invalid(tuple(problems))
    return section


def _section_lines(section: Section) -> Iterator[Problem]:
    yield from _each(section.frontend, ("frontend",))
    yield from _each(section.backend, ("backend",))
    if isinstance(section.server_options, str):
        yield from _one(section.server_options, ("server_options",))
    else:
        yield from _each(section.server_options, ("server_options",))
    if section.acl is not None:
        yield from _one(section.acl, ("acl",))


def _lines(settings: Settings) -> Iterator[Problem]:
    yield from _each(settings.global_, ("global",))
    yield from _each(settings.defaults, ("defaults",))
    for name, meta in settings.meta_clusters.items():
        yield from _each(meta.frontend, ("meta_clusters", name, "frontend"))
    for name, proxy in settings.proxies.items():
        yield from _each(proxy.options, ("proxies", name, "options"))


def _each(lines: tuple[str, ...], place: Place) -> Iterator[Problem]:
    for index, line in enumerate(lines):
        yield from _one(line, (*place, index))


def _one(line: str, place: Place) -> Iterator[Problem]:
    if reason := fault(line):
        yield Problem(place, reason)
    elif place[0] != "global" and line.lstrip().startswith("."):
        yield Problem(place, "conditional blocks are possible in 'global' only")


def _paths(settings: Settings) -> Iterator[Problem]:
    found = {
        "config_file": settings.config_file,
        "socket_file": settings.socket_file,
        "pid_file": settings.pid_file,
        "master_socket": settings.master_socket or "/run",
        "haproxy_bin": settings.haproxy_bin or "/bin",
    }
    for key, path in found.items():
        if not _PATH.fullmatch(path):
            text = "expected an absolute path of letters, digits and _./@+=-"
            yield Problem((key,), text)
        elif key in ("socket_file", "master_socket") and len(path) > _SOCKET_LENGTH:
            text = f"{len(path)} characters; a socket's path has at most {_SOCKET_LENGTH}"
            yield Problem((key,), text)


def _names(settings: Settings) -> Iterator[Problem]:
    yield from _address(settings.bind_address, ("bind_address",))
    for name in settings.meta_clusters:
        yield from _name(name, ("meta_clusters", name))
    for name, proxy in settings.proxies.items():
        yield from _name(name, ("proxies", name))
        if proxy.bind_address is not None:
            yield from _address(proxy.bind_address, ("proxies", name, "bind_address"))
        for index, upstream in enumerate(proxy.upstreams):
            if not _is_address(upstream.host) and not _HOST.fullmatch(upstream.host):
                place = ("proxies", name, "upstreams", index, "host")
                yield Problem(place, "expected an IP address or a host name")
    if stats := settings.stats:
        if not _URI.fullmatch(stats.uri):
            yield Problem(("stats", "uri"), "expected a path such as /haproxy")
        for key in ("connect", "client", "server"):
            if not _DURATION.fullmatch(str(getattr(stats.timeouts, key))):
                yield Problem(("stats", "timeouts", key), "expected a time such as 5000 or 5s")


def _name(name: str, place: Place) -> Iterator[Problem]:
    if not is_cluster_name(name):
        yield Problem(place, "expected a name of at most 63 of A-Z a-z 0-9 _ . -")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _address(text: str, place: Place) -> Iterator[Problem]:
    if text != "*" and not _is_address(text):
        yield Problem(place, "expected an IP address, or * for all")


def _ports(settings: Settings) -> Iterator[Problem]:
    claims: dict[int, str] = {}
    found: list[tuple[Place, int]] = []
    if settings.stats:
        found.append((("stats", "port"), settings.stats.port))
    found += [(("meta_clusters", n, "port"), m.port) for n, m in settings.meta_clusters.items()]
    found += [
        (("proxies", n, "port"), p.port)
        for n, p in settings.proxies.items()
        if p.bind_address is None
    ]
    for place, port in found:
        owner = ".".join(str(step) for step in place[:-1])
        if port in claims:
            yield Problem(place, f"{port} is the port of {claims[port]} already")
        claims.setdefault(port, owner)
