"""A cluster's ``haproxy:`` section."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from lighthouse.haproxy.schema import grammar
from lighthouse.haproxy.schema.balancer import Upstream, faults_of, faults_of_options
from lighthouse.haproxy.schema.directive import as_lines, words
from lighthouse.haproxy.schema.grammar import Port
from lighthouse.haproxy.schema.server_options import split
from lighthouse.node import Node
from lighthouse.schema import Problem, convert, require

Lines = str | tuple[str, ...]

_ROUTE_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_ROUTE_PATH: Final = re.compile(r"/[A-Za-z0-9_./~%+:@=-]*")
_NOT_FOR_ALL: Final = ("disabled", "enabled", "id", "track")


class ClusterSection(msgspec.Struct, frozen=True):
    """What a cluster's file says for HAProxy; ``acl`` and on is for members of a meta cluster.

    ``port`` is where the cluster is served on this host. ``bind`` is one or several more
    addresses, each with its options. ``bind_options`` follow the address of the port.
    ``frontend`` are lines of the frontend. ``backend`` are lines of the backend, such as 'mode
    http'. ``server_options`` are those of every server. ``node_options`` are keys of metadata
    by which nodes set options of their server. ``default_servers`` get traffic while no member
    can be used, as HAProxy's own checks see it. ``slots`` is how many entries stand ready for
    nodes, where HAProxy takes none while it runs. ``drain`` lists nodes that get no new
    sessions, as host, ip, host:port or ip:port. ``maintenance`` lists nodes that get no
    traffic at all. ``on_leave`` is what becomes of the sessions of a node that leaves: they go
    on (keep), or end (shutdown-sessions). ``hosts`` are those whose requests are this
    cluster's, such as *.example.com. ``paths`` are beginnings of paths whose requests are this
    cluster's. ``default`` has it take what no other member of the meta cluster takes.
    """

    port: Port | None = None
    bind: Lines = ()
    bind_options: str = ""
    frontend: tuple[str, ...] = ()
    backend: tuple[str, ...] = ()
    server_options: Lines = ()
    node_options: tuple[str, ...] = ()
    default_servers: tuple[Upstream, ...] = ()
    slots: Annotated[int, msgspec.Meta(ge=1, le=10000)] | None = None
    drain: tuple[str, ...] = ()
    maintenance: tuple[str, ...] = ()
    on_leave: Literal["keep", "shutdown-sessions"] = "keep"
    acl: Lines = ()
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    default: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """The words that follow each server's address."""
        return tuple(word for line in as_lines(self.server_options) for word in words(line))

    @property
    def listens(self) -> bool:
        """Return True if it has a frontend of its own."""
        own = any(words(line)[:1] == ("bind",) for line in self.frontend)
        return self.port is not None or bool(as_lines(self.bind)) or own

    def names(self, node: Node) -> Literal["maintenance", "drain"] | None:
        """The list that names a node; whoever goes by a name of it is meant."""
        bare = f"{node.ip}:{node.port}"
        if any(node.goes_by(name) or name == bare for name in self.maintenance):
            return "maintenance"
        if any(node.goes_by(name) or name == bare for name in self.drain):
            return "drain"
        return None


def parse_section(config: Mapping[str, Any]) -> ClusterSection:
    """The typed content; raises ``Invalid`` with every fault of it."""
    section = convert(config, ClusterSection)
    require((*_lines(section), *_servers(section), *_routing(section)))
    return section


def _lines(section: ClusterSection) -> Iterator[Problem]:
    yield from grammar.lines(section.frontend, ("frontend",))
    yield from grammar.lines(section.backend, ("backend",))
    for key in ("server_options", "acl", "bind"):
        yield from grammar.either(getattr(section, key), (key,))
    yield from grammar.line(section.bind_options, ("bind_options",))
    for index, line in enumerate(as_lines(section.bind)):
        if not words(line):
            place = ("bind",) if isinstance(section.bind, str) else ("bind", index)
            yield Problem(place, "expected an address, such as 127.0.0.1:8080 or /run/web.sock")
    if section.bind_options and section.port is None:
        yield Problem(("bind_options",), "there is no 'port' that they could be for")


def _servers(section: ClusterSection) -> Iterator[Problem]:
    given = {option[0] for option in split(section.options)}
    for word in _NOT_FOR_ALL:
        if word in given:
            text = f"'{word}' cannot be given for all servers of a cluster"
            yield Problem(("server_options",), text)
    yield from faults_of_options(section.node_options)
    for index, server in enumerate(section.default_servers):
        yield from faults_of(server, ("default_servers", index))


def _routing(section: ClusterSection) -> Iterator[Problem]:
    for index, host in enumerate(section.hosts):
        if not _ROUTE_HOST.fullmatch(host):
            yield Problem(("hosts", index), "expected a host name, or *.example.com")
    for index, path in enumerate(section.paths):
        if not _ROUTE_PATH.fullmatch(path):
            yield Problem(("paths", index), "expected the beginning of a path, such as /api")
