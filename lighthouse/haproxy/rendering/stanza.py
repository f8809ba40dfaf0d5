"""What one cluster adds to the configuration, apart from its servers: a pure function."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from lighthouse.haproxy.rendering import binds
from lighthouse.haproxy.rendering.binds import Spot
from lighthouse.haproxy.rendering.chunks import Draft
from lighthouse.haproxy.rendering.dynamic import MOST_WORDS, Growth, growth, words_of
from lighthouse.haproxy.rendering.peers_section import share
from lighthouse.haproxy.rendering.routes import ConfigPath, Route, routes
from lighthouse.haproxy.rendering.server import address
from lighthouse.haproxy.schema.balancer import HAProxySettings, Upstream
from lighthouse.haproxy.schema.cluster import ClusterSection
from lighthouse.haproxy.schema.directive import as_lines, begins, last, words
from lighthouse.haproxy.schema.server_options import (
    as_default,
    in_force,
    inherited,
    passed_on,
    repeatable,
    starts_disabled,
)


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has to be known of a cluster's text beside the text itself.

    ``own`` are the names (with a ``*``: the beginnings of names) of servers that stand in the
    text, which are none of our business. ``cookie``: each server is given one. ``tcp``: HAProxy
    does not look into what servers answer. ``cuts``: the sessions of a node that leaves are ended.
    """

    options: tuple[str, ...] = ()
    growth: Growth = Growth()
    own: tuple[str, ...] = ()
    spots: tuple[Spot, ...] = ()
    meta: str | None = None
    routes: tuple[Route, ...] = ()
    cookie: bool = False
    slots: int | None = None
    node_options: tuple[str, ...] = ()
    tcp: bool = False
    cuts: bool = False


class Stanza(msgspec.Struct, frozen=True):
    """A cluster's sections. ``text`` is all of them but the server lines, which follow it."""

    cluster: str
    text: str
    facts: Facts = Facts()

    @property
    def agent(self) -> bool:
        """Return True if an agent may change weights and states behind our back."""
        return in_force(self.facts.options, "agent-check")

    def owns(self, server: str) -> bool:
        """Return True if this server stands in the text itself, by name or in a template."""
        if server in self.facts.own:
            return True
        stems = (name[:-1] for name in self.facts.own if name.endswith("*"))
        return any(server.removeprefix(s).isdigit() for s in stems if server.startswith(s))


Stanzas = Mapping[str, Stanza]
"""Stanzas by their clusters' names."""


class Built(msgspec.Struct, frozen=True):
    """A stanza, and where in the section each line of its text came from."""

    stanza: Stanza
    places: tuple[ConfigPath, ...]


def build(
    settings: HAProxySettings, name: str, section: ClusterSection, meta: str | None
) -> Built:
    """The stanza of a cluster with this section.

    The options of servers stand there once for all of them, behind the fixed ones: a cluster
    that has no member yet is checked with them, and the authorities that they name are
    loaded, without which HAProxy takes no server that names them at run time.

    A frontend without a mode takes its backend's: options that keep reloads from breaking
    connections are ignored by a TCP frontend, even before an HTTP backend.
    """
    draft = Draft()
    draft.head(f"# cluster {name}")
    if section.listens:
        _frontend(draft, settings, name, section)
    draft.head(f"backend {name}")
    for index, line in enumerate(section.backend):
        draft.line(share(line, settings), "backend", index)
    for line in _seat_cookies(settings, name, section):
        draft.line(line, "slots")
    for index, server in enumerate(section.default_servers):
        draft.line(_default_server(server, index), "default_servers", index)
    given = passed_on(section.options)
    if default := as_default(given):
        draft.line(f"default-server {' '.join(default)}", "server_options")
    defaults = inherited((*settings.defaults, *section.backend))
    if starts_disabled(defaults):
        draft.line("default-server enabled")
    options = (*repeatable(passed_on(defaults)), *given)
    facts = _facts(settings, section, meta, options, draft.text, name)
    draft.line(f"{FACTS}{msgspec.json.encode(facts).decode()}")
    return Built(Stanza(name, draft.text, facts), draft.places)


def _facts(
    settings: HAProxySettings,
    section: ClusterSection,
    meta: str | None,
    options: tuple[str, ...],
    text: str,
    name: str,
) -> Facts:
    """What is known of a stanza with this ``text``; raises ``ValueError`` for too many options."""
    cookie = last(section.backend, "cookie") or last(settings.defaults, "cookie")
    mode = last(section.backend, "mode") or last(settings.defaults, "mode")
    own_cookies = section.slots is not None or in_force(options, "cookie")
    allowed = tuple(dict.fromkeys((*settings.node_options, *section.node_options)))
    if allowed and words_of(options, allowed) > MOST_WORDS:
        told = "'server_options' and 'node_options' may come to more than the 64 words of a line"
        raise ValueError(told)
    return Facts(
        options,
        growth(section.backend, settings.defaults, options, allowed, section.slots is not None),
        (*_own_servers(section), *_default_names(section)),
        tuple(binds.spots(text)),
        meta,
        tuple(routes(name, section)) if meta is not None else (),
        bool(cookie) and "dynamic" not in cookie and not own_cookies,
        section.slots,
        allowed,
        mode[1:2] != ("http",),
        section.on_leave == "shutdown-sessions",
    )


FACTS: Final = "# lighthouse: "
"""Begins the comment that holds a stanza's facts, for whoever reads the file after us."""


def bind_address(host: str, port: int) -> str:
    """An address and a port as ``bind`` takes them; ``*`` is every address."""
    return f":{port}" if host == "*" else address(host, port)


def upstream(server: Upstream, name: str) -> str:
    """A fixed server's line; one by name may be unknown while HAProxy starts."""
    line = f"server {name} {address(server.host, server.port)}"
    if not server.host.replace(".", "").isdigit() and ":" not in server.host:
        line += " init-addr last,libc,none"
    if server.max_conn is not None:
        line += f" maxconn {server.max_conn}"
    return f"{line} {server.options}".rstrip()


def _frontend(draft: Draft, settings: HAProxySettings, name: str, section: ClusterSection) -> None:
    draft.head(f"frontend {name}")
    if section.port is not None:
        draft.bind(bind_address(settings.bind_address, section.port), section.bind_options)
    for index, line in enumerate(as_lines(section.bind)):
        draft.line(f"bind {line}", "bind", *([] if isinstance(section.bind, str) else [index]))
    for index, line in enumerate(section.frontend):
        draft.line(share(line, settings), "frontend", index)
    if (mode := last(section.backend, "mode")) and not begins(section.frontend, "mode"):
        draft.line(" ".join(mode), "backend")
    if not begins(section.frontend, "default_backend"):
        draft.line(f"default_backend {name}")
    draft.blank()


def _seat_cookies(settings: HAProxySettings, name: str, section: ClusterSection) -> Iterator[str]:
    """The lines that have HAProxy make the cookies of slots, of the addresses that they lead to.

    A cookie of a slot's own would mean another node on each host, and after each change.
    """
    lines = (*settings.defaults, *section.backend)
    cookie = last(lines, "cookie")
    if section.slots and cookie and "dynamic" not in cookie:
        yield f"{' '.join(cookie)} dynamic"
        if not begins(lines, "dynamic-cookie-key"):
            yield f"dynamic-cookie-key {name}"


def _default_server(server: Upstream, index: int) -> str:
    return f"{upstream(server, _default_name(server, index))} backup"


def _default_names(section: ClusterSection) -> Iterator[str]:
    for index, server in enumerate(section.default_servers):
        yield _default_name(server, index)


def _default_name(server: Upstream, index: int) -> str:
    return server.name or f"default{index + 1}"


def _own_servers(section: ClusterSection) -> Iterator[str]:
    """The names of servers among a section's own lines; a template's with a ``*``."""
    for line in section.backend:
        found = words(line)
        if found[:1] == ("server",) and len(found) > 1:
            yield found[1]
        elif found[:1] == ("server-template",) and len(found) > 1:
            yield f"{found[1]}*"
