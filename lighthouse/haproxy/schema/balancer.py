"""The content of ``balancers/haproxy.yaml``; the keys of the 2016 lighthouse mean the same."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from lighthouse.haproxy.schema import grammar
from lighthouse.haproxy.schema.directive import SECTIONS
from lighthouse.haproxy.schema.grammar import Port
from lighthouse.haproxy.schema.listeners import MetaCluster, Prometheus, Stats
from lighthouse.haproxy.schema.node_options import KNOWN
from lighthouse.peer import DEFAULT_PORT
from lighthouse.schema import Problem, convert, require, unknown

PEERS: Final = "lighthouse"
"""The name of our section of peers; a table may also name it as 2016 did, after any cluster."""

_HEADER: Final = re.compile(r"([a-z-]+) ([A-Za-z0-9][A-Za-z0-9_.-]{0,62})(?: (\S*:[0-9]+))?")


class Upstream(msgspec.Struct, frozen=True):
    """A fixed server; a ``host`` by name is resolved when HAProxy starts or reloads.

    ``port`` is the server's. ``max_conn`` is how many connections it gets at once. ``options``
    follow its address. ``name`` is the server's in HAProxy.
    """

    host: str
    port: Port
    max_conn: Annotated[int, msgspec.Meta(ge=0)] | None = None
    options: str = ""
    name: str | None = None


class ProxySection(msgspec.Struct, frozen=True):
    """A port that leads to fixed servers, without any discovery.

    ``port`` is where it listens. ``upstreams`` are the servers. ``bind_address`` is where it
    listens, if not at the address of all. ``options`` are lines of the section.
    ``bind_options`` follow the address of its bind line.
    """

    port: Port
    upstreams: tuple[Upstream, ...] = ()
    bind_address: str | None = None
    options: tuple[str, ...] = ()
    bind_options: str = ""


class Peers(msgspec.Struct, frozen=True):
    """This host's place among the peers that share stick tables.

    ``hold``: seconds that a new peer waits for company before HAProxy is reloaded for it.

    ``port`` is where this host listens for peers. ``name`` is this host's, if not what the
    host calls itself. ``address`` is the one at which others reach this host.
    """

    port: Port = DEFAULT_PORT
    name: str | None = None
    address: str | None = None
    hold: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 60.0


class HAProxySettings(msgspec.Struct, frozen=True):
    """``balancers/haproxy.yaml``; times are seconds.

    ``config_file`` is HAProxy's configuration, which is written here. ``socket_file`` is its
    runtime socket. ``pid_file`` has the number of its process. ``global`` are lines of that
    section. ``defaults`` are lines of that section. ``bind_address`` is where clusters listen:
    an IP address, or * for all. ``stats`` is HAProxy's page of statistics. ``prometheus`` is
    its exporter of metrics. ``meta_clusters`` are ports that several clusters share, by name.
    ``proxies`` are ports that lead to fixed servers, by name. ``extra_sections`` are lines of
    sections of your own, by what begins them, such as 'listen admin'. ``peers`` is this host's
    place among those that share stick tables. ``node_options`` are keys of metadata by which
    nodes set options of their server. ``haproxy_bin`` is the binary, if it is not haproxy on
    the PATH. ``master_socket`` is that of HAProxy's master. ``state_file`` hands the servers'
    states to the next worker of HAProxy. ``reload_command`` is for an HAProxy that something
    else runs. ``reload_interval`` is what lies between two reloads, at least.
    ``reloads_per_hour`` is how many there may be; beyond it only members are kept up.
    ``max_old_workers`` is how many replaced workers of HAProxy may live on with their
    connections. ``keep_versions`` is how many replaced configurations are kept beside
    config_file.
    """

    config_file: str
    socket_file: str
    pid_file: str
    global_: tuple[str, ...] = msgspec.field(name="global", default=())
    defaults: tuple[str, ...] = ()
    bind_address: str = "*"
    stats: Stats | None = None
    prometheus: Prometheus | None = None
    meta_clusters: dict[str, MetaCluster] = {}
    proxies: dict[str, ProxySection] = {}
    extra_sections: dict[str, tuple[str, ...]] = {}
    peers: Peers = Peers()
    node_options: tuple[str, ...] = ()
    haproxy_bin: str | None = None
    master_socket: str | None = None
    state_file: str | None = None
    reload_command: str | tuple[str, ...] | None = None
    reload_interval: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 2.0
    reloads_per_hour: Annotated[int, msgspec.Meta(ge=1)] = 120
    max_old_workers: Annotated[int, msgspec.Meta(ge=1)] = 10
    keep_versions: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5

    @property
    def master(self) -> str:
        return self.master_socket or f"{self.socket_file}.master"

    @property
    def states(self) -> str:
        """Where the servers' states are handed to the next worker of HAProxy."""
        return self.state_file or f"{self.pid_file}.state"

    @property
    def attempt(self) -> str:
        """Where the reload that failed last is kept for the next worker of ours."""
        return f"{self.pid_file}.attempt"

    @property
    def counters(self) -> str:
        """Where what HAProxy has counted is kept for the next worker of ours."""
        return f"{self.pid_file}.counters"

    @property
    def command(self) -> tuple[str, ...]:
        """The words of ``reload_command``; empty if lighthouse runs HAProxy itself."""
        given = self.reload_command or ()
        return tuple(shlex.split(given)) if isinstance(given, str) else given

    @property
    def place(self) -> tuple[str | None, ...]:
        """What a running HAProxy cannot change by a reload."""
        paths = (self.config_file, self.socket_file, self.pid_file, self.master)
        return (*paths, self.haproxy_bin)


class SectionHeader(msgspec.Struct, frozen=True):
    """What begins an extra section; ``bind`` is an address behind the name, as HAProxy had it."""

    section: str
    name: str
    bind: str = ""

    @property
    def is_proxy(self) -> bool:
        return self.section in ("frontend", "backend", "listen")


def header(text: str) -> SectionHeader:
    """The parts of a key of ``extra_sections`` that passed."""
    found = _HEADER.fullmatch(" ".join(text.split()))
    if found is None:
        raise ValueError(f"{text!r} begins no section")
    return SectionHeader(found[1], found[2], found[3] or "")


def parse_settings(config: Mapping[str, Any]) -> HAProxySettings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, HAProxySettings)
    problems = (*_paths(settings), *_lines(settings), *_names(settings), *_others(settings))
    require((*problems, *_ports(settings)))
    return settings


def _paths(settings: HAProxySettings) -> Iterator[Problem]:
    for key in ("config_file", "pid_file", "state_file", "haproxy_bin"):
        if (given := getattr(settings, key)) is not None:
            yield from grammar.path(given, (key,))
    for key in ("socket_file", "master_socket"):
        if (given := getattr(settings, key)) is not None:
            yield from grammar.path(given, (key,), socket=True)


def _lines(settings: HAProxySettings) -> Iterator[Problem]:
    yield from grammar.lines(settings.global_, ("global",))
    yield from grammar.lines(settings.defaults, ("defaults",))
    for name, meta in settings.meta_clusters.items():
        place = ("meta_clusters", name)
        yield from grammar.lines(meta.frontend, (*place, "frontend"))
        yield from grammar.line(meta.bind_options, (*place, "bind_options"))
    for name, proxy in settings.proxies.items():
        place = ("proxies", name)
        yield from grammar.lines(proxy.options, (*place, "options"))
        yield from grammar.line(proxy.bind_options, (*place, "bind_options"))
    for text, given in settings.extra_sections.items():
        yield from _header(text)
        yield from grammar.lines(given, ("extra_sections", text))


def _header(text: str) -> Iterator[Problem]:
    found = _HEADER.fullmatch(" ".join(text.split()))
    kind = text.split()[0] if text.split() else ""
    if kind in ("global", "defaults"):
        yield Problem(("extra_sections", text), f"'{kind}' has a key of its own")
    elif found is None or kind not in SECTIONS:
        what = "expected a section and its name, such as 'listen admin'"
        yield Problem(("extra_sections", text), what)
    elif (kind, found[2]) == ("peers", PEERS):
        what = f"'{PEERS}' is the section of lighthouse itself; give yours another name"
        yield Problem(("extra_sections", text), what)


def _names(settings: HAProxySettings) -> Iterator[Problem]:
    yield from grammar.address(settings.bind_address, ("bind_address",))
    for name in settings.meta_clusters:
        yield from grammar.name(name, ("meta_clusters", name))
    for name, proxy in settings.proxies.items():
        place = ("proxies", name)
        yield from grammar.name(name, place)
        if proxy.bind_address is not None:
            yield from grammar.address(proxy.bind_address, (*place, "bind_address"))
        for index, upstream in enumerate(proxy.upstreams):
            yield from faults_of(upstream, (*place, "upstreams", index))
    peers = settings.peers
    if peers.name is not None:
        yield from grammar.host(peers.name, ("peers", "name"))
    if peers.address is not None and not grammar.is_address(peers.address):
        yield Problem(("peers", "address"), "expected an IP address")


def faults_of(upstream: Upstream, place: grammar.ConfigPath) -> Iterator[Problem]:
    """What is wrong with a fixed server."""
    yield from grammar.host(upstream.host, (*place, "host"))
    yield from grammar.line(upstream.options, (*place, "options"))
    if upstream.name is not None:
        yield from grammar.name(upstream.name, (*place, "name"))


def faults_of_options(names: tuple[str, ...]) -> Iterator[Problem]:
    """Keys of metadata that are no options of a server."""
    for index, name in enumerate(names):
        if name not in KNOWN:
            text = unknown(name, KNOWN).replace("key", "option")
            yield Problem(("node_options", index), text)


def _others(settings: HAProxySettings) -> Iterator[Problem]:
    yield from faults_of_options(settings.node_options)
    if stats := settings.stats:
        yield from grammar.uri(stats.uri, ("stats", "uri"))
        yield from grammar.line(stats.bind_options, ("stats", "bind_options"))
        for key in ("connect", "client", "server"):
            given = getattr(stats.timeouts, key)
            yield from grammar.duration(given, ("stats", "timeouts", key))
    if exporter := settings.prometheus:
        yield from grammar.uri(exporter.path, ("prometheus", "path"))
        yield from grammar.line(exporter.bind_options, ("prometheus", "bind_options"))
    try:
        if settings.reload_command is not None and not settings.command:
            yield Problem(("reload_command",), "expected a command")
    except ValueError as error:
        yield Problem(("reload_command",), f"expected a command: {error}")


def _ports(settings: HAProxySettings) -> Iterator[Problem]:
    """Two of the settings' own listeners on one port; other addresses are told later."""
    found: list[tuple[grammar.ConfigPath, int]] = []
    if settings.stats:
        found.append((("stats", "port"), settings.stats.port))
    if settings.prometheus:
        found.append((("prometheus", "port"), settings.prometheus.port))
    found += [(("meta_clusters", n, "port"), m.port) for n, m in settings.meta_clusters.items()]
    found += [
        (("proxies", n, "port"), p.port)
        for n, p in settings.proxies.items()
        if p.bind_address is None
    ]
    claims: dict[int, str] = {}
    for place, port in found:
        if port in claims:
            yield Problem(place, f"{port} is the port of {claims[port]} already")
        claims.setdefault(port, ".".join(str(step) for step in place[:-1]))
