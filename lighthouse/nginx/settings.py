"""The content of ``balancers/nginx.yaml``, and of the section ``nginx:`` of a cluster."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from lighthouse.balancer import Claim
from lighthouse.node import is_cluster_name
from lighthouse.schema import Path, Problem, convert, require, unknown
from lighthouse.software.reload import Seconds

Context = Literal["http", "stream"]

CLUSTER: Final = "{cluster}"
"""What stands in a path for the cluster's name: then each has a file of its own."""

NODE_OPTIONS: Final = ("max_conns", "max_fails", "fail_timeout", "backup")
"""Keys of metadata that nodes may set for themselves."""

TIME: Final = re.compile(r"[0-9]{1,9}(ms|s|m|h)?")
_COMMERCIAL: Final = ("slow_start", "least_time", "queue", "ntlm", "state")
_WORDS: Final = re.compile(r"[^;{}#\x00-\x1f\x7f]*")
_RESOLVER: Final = re.compile(r"[A-Za-z0-9.:_\[\]-]+( [A-Za-z0-9.:_\[\]-]+)*")
_PATH: Final = re.compile(r"/[^\x00-\x1f\x7f;{}\"]*")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,253}")

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class ResolverSettings(msgspec.Struct, frozen=True):
    """The name server that nginx asks, and for how long an answer is good.

    ``address`` is where that name server is, such as 127.0.0.1:8053. ``zone`` is the domain in
    which the clusters' names are. ``valid`` is a time such as 1s.
    """

    address: str
    zone: str
    valid: str = "1s"


class NginxSettings(msgspec.Struct, frozen=True):
    """``balancers/nginx.yaml``; times are seconds.

    ``http_file`` is where the upstreams of http are written; {cluster} in it stands for the
    cluster's name. ``stream_file`` is where those of stream are written. ``config_file`` is
    nginx's own configuration, if it is not the usual one. ``pid_file`` has the number of
    nginx's process. ``error_log`` is where nginx logs what goes wrong. ``prefix`` is nginx's
    directory (its option -p). ``nginx_bin`` is the binary, if it is not nginx on the PATH.
    ``resolver`` is for clusters whose nodes nginx looks up itself. ``node_options`` are keys
    of metadata by which nodes set options of their server. ``timeout`` is how long a check or
    a reload may take. ``min_interval`` is what lies between two reloads, at least.
    ``max_old_workers`` is how many replaced workers of nginx may live on.
    """

    http_file: str | None = "/etc/nginx/conf.d/lighthouse-{cluster}.conf"
    stream_file: str | None = None
    config_file: str | None = None
    pid_file: str | None = None
    error_log: str | None = None
    prefix: str | None = None
    nginx_bin: str | None = None
    resolver: ResolverSettings | None = None
    node_options: tuple[str, ...] = ()
    timeout: Seconds = 8.0
    min_interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 5.0
    max_old_workers: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def file_of(self, context: Context) -> str | None:
        """The file, or the pattern of files, of a context's upstreams."""
        return self.http_file if context == "http" else self.stream_file


class ServerOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every server of an upstream has.

    ``max_fails`` is how many failures take a server out. ``fail_timeout`` is for how long,
    such as 10s. ``max_conns`` is how many connections it gets at once.
    """

    max_fails: Count | None = None
    fail_timeout: str | None = None
    max_conns: Count | None = None


class UpstreamSection(msgspec.Struct, frozen=True, omit_defaults=True):
    """``nginx:`` in ``clusters/*.yaml``.

    ``resolve`` has nginx look the nodes up in the DNS itself: true for the cluster's name in
    the zone of the resolver, or a name; ``service`` for ports by SRV records.

    ``context`` is http, or stream. ``upstream`` is the upstream's name, if it is another than
    the cluster's. ``balance`` is the line that says how a server is chosen, such as
    least_conn. ``keepalive`` is how many idle connections are kept. ``server_options`` are
    those of every server. ``directives`` are more lines of the upstream. ``zone`` has nginx's
    workers share what they know of the servers. ``on_empty`` is what becomes of an upstream
    without nodes: it stays (keep), or has no server that is up (down).
    """

    context: Context = "http"
    upstream: str | None = None
    balance: str = ""
    keepalive: Count = 32
    server_options: ServerOptions = ServerOptions()
    directives: tuple[str, ...] = ()
    zone: bool = True
    on_empty: Literal["keep", "down"] = "down"
    resolve: bool | str = False
    service: str | None = None


def parse_settings(config: Mapping[str, Any]) -> NginxSettings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, NginxSettings)
    require(_faults(settings))
    return settings


def parse_section(config: Mapping[str, Any]) -> UpstreamSection:
    """A cluster's typed section; raises ``Invalid`` with every fault of it."""
    section = convert(config, UpstreamSection)
    require(_section_faults(section))
    return section


def files_of(settings: NginxSettings) -> tuple[Claim, ...]:
    """The files that the settings have written."""
    given = {"http_file": settings.http_file, "stream_file": settings.stream_file}
    found = {key: path.replace(CLUSTER, "*") for key, path in given.items() if path is not None}
    return tuple([Claim((key,), "file", path) for key, path in found.items()])


def _faults(settings: NginxSettings) -> Iterator[Problem]:
    keys = ("http_file", "stream_file", "config_file", "pid_file", "error_log", "prefix")
    for key in (*keys, "nginx_bin"):
        given = getattr(settings, key)
        if given is not None and not _PATH.fullmatch(given.replace(CLUSTER, "")):
            yield Problem((key,), f"expected an absolute path, got {given!r}")
    if settings.http_file is not None and settings.http_file == settings.stream_file:
        yield Problem(("stream_file",), "is the file of http already")
    for index, name in enumerate(settings.node_options):
        if name not in NODE_OPTIONS:
            place: Path = ("node_options", index)
            yield Problem(place, unknown(name, NODE_OPTIONS).replace("key", "option"))
    if (resolver := settings.resolver) is not None:
        if not _RESOLVER.fullmatch(resolver.address):
            yield Problem(("resolver", "address"), "expected addresses such as 127.0.0.1:5353")
        if not _NAME.fullmatch(resolver.zone):
            yield Problem(("resolver", "zone"), "expected a domain name")
        if not TIME.fullmatch(resolver.valid):
            yield Problem(("resolver", "valid"), "expected a time such as 1s")


def _section_faults(section: UpstreamSection) -> Iterator[Problem]:
    if section.upstream is not None and not is_cluster_name(section.upstream):
        yield Problem(("upstream",), f"expected a name, got {section.upstream!r}")
    yield from _directive(section.balance, ("balance",))
    for index, line in enumerate(section.directives):
        yield from _directive(line, ("directives", index))
    timeout = section.server_options.fail_timeout
    if timeout is not None and not TIME.fullmatch(timeout):
        yield Problem(("server_options", "fail_timeout"), "expected a time such as 10s")
    for key in ("resolve", "service"):
        given = getattr(section, key)
        if isinstance(given, str) and not _NAME.fullmatch(given):
            yield Problem((key,), f"expected a domain name, got {given!r}")
    if section.service is not None and not section.resolve:
        yield Problem(("service",), "is of use with 'resolve' only")


def _directive(line: str, place: Path) -> Iterator[Problem]:
    word = line.split()[:1]
    if not _WORDS.fullmatch(line):
        yield Problem(place, "expected one directive, without ; { } # or line ends")
    elif word and word[0] in _COMMERCIAL:
        yield Problem(place, f"'{word[0]}' is of the commercial nginx only")
    elif word and word[0] in ("server", "zone", "keepalive", "resolver"):
        yield Problem(place, f"'{word[0]}' is written by lighthouse itself")
