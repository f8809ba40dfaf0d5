"""The whole configuration file as a pure function of settings, stanzas, peers and servers.

Sorted, without a time stamp: equal input gives equal bytes. The text is made of chunks, each
owned by whoever is to blame for a fault in it; a cluster's chunk is made once per change of
that cluster.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.haproxy.rendering import peers_section
from lighthouse.haproxy.rendering.chunks import Chunk, Draft, text_of
from lighthouse.haproxy.rendering.server import ServerLine
from lighthouse.haproxy.rendering.stanza import Stanza, bind_address, upstream
from lighthouse.haproxy.schema.balancer import HAProxySettings, ProxySection, header
from lighthouse.haproxy.schema.directive import begins, words
from lighthouse.peer import Peer

MARKER: Final = "LIGHTHOUSE_GENERATION"
STATS: Final = "lighthouse.stats"
"""The proxy that serves the statistics page."""

METRICS: Final = "lighthouse.metrics"
"""The proxy that serves Prometheus."""

Servers = Mapping[str, ServerLine]

_GLOBAL: Final = (
    (("hard-stop-after",), "hard-stop-after 30m"),
    (("stats", "timeout"), "stats timeout 1d"),
)
_DEFAULTS: Final = (
    (("timeout", "connect"), "timeout connect 5s"),
    (("timeout", "client"), "timeout client 60s"),
    (("timeout", "server"), "timeout server 60s"),
    (("option", "redispatch"), "option redispatch 1"),
    (("option", "idle-close-on-response"), "option idle-close-on-response"),
)
_STATE: Final = ("server-state-file", "server-state-base")
_MARKED: Final = re.compile(rf"^ *setenv {MARKER} ([0-9a-f]+)$", re.MULTILINE)
_SEAL: Final = "# written by lighthouse; sum of the above: "


class Skeleton(msgspec.Struct, frozen=True):
    """The configuration without its servers; what only a reload can change.

    ``generation`` identifies it: the running HAProxy tells which one it has loaded.
    ``shared``: there are tables that the ``peers`` share.
    """

    head: tuple[Chunk, ...]
    stanzas: tuple[Stanza, ...]
    generation: str
    peers: frozenset[Peer] = frozenset()
    shared: bool = False


def skeleton(
    settings: HAProxySettings,
    stanzas: Sequence[Stanza],
    peers: Iterable[Peer] = (),
    host: str = "localhost",
) -> Skeleton:
    """Everything but the servers, for clusters sorted by name; ``host`` is this host's name."""
    ordered = tuple(sorted(stanzas, key=lambda stanza: stanza.cluster))
    rest = list(_head(settings, ordered))
    texts = (*(chunk.text for chunk in rest), *(stanza.text for stanza in ordered))
    shared = any(map(peers_section.is_shared, texts))
    members = frozenset(peers) if shared else frozenset()
    if shared:
        rest.append(peers_section.section(settings, host, members).chunk())
    first = _global(settings, host if shared else None)
    digest = hashlib.blake2b(digest_size=12)
    for text in (first.text, *(c.text for c in rest), *(s.text for s in ordered)):
        digest.update(text.encode())
        digest.update(b"\0")
    generation = digest.hexdigest()
    start = Draft()
    start.head("global")
    start.line(f"setenv {MARKER} {generation}")
    return Skeleton((start.chunk(), first.chunk(), *rest), ordered, generation, members, shared)


def body(stanza: Stanza, servers: Servers, places: tuple[tuple[str | int, ...], ...]) -> Chunk:
    """A cluster's part of the file."""
    lines = "".join([servers[name].line() for name in servers])
    return Chunk(stanza.cluster, f"{stanza.text}{lines}\n", places)


def file_of(chunks: Iterable[Chunk]) -> bytes:
    """The file as it is written: the text, and a sum by which a hand edit is known."""
    text = text_of(chunks)
    return f"{text}{_SEAL}{_sum(text)}\n".encode()


def is_intact(content: bytes) -> bool:
    """Return True if a file is as lighthouse wrote it, and whole."""
    text, seal, digest = content.decode("utf-8", "replace").rpartition(_SEAL)
    return bool(seal) and digest == f"{_sum(text)}\n"


def generation_in(text: str) -> str:
    """The generation of a rendered file; empty if it is none of ours."""
    found = _MARKED.search(text)
    return found.group(1) if found else ""


def _sum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _global(settings: HAProxySettings, peer_of: str | None) -> Draft:
    """The operator's lines and ours; ``peer_of``: this host's name, if tables are shared."""
    draft = Draft()
    given = settings.global_
    for index, line in enumerate(given):
        draft.line(_admin(line, settings), "global", index)
    if not any(_is_ours(line, settings) for line in given):
        draft.line(f"stats socket {settings.socket_file} mode 600 level admin", "socket_file")
    for start, line in _GLOBAL:
        if not begins(given, *start):
            draft.line(line, "global")
    if not any(begins(given, name) for name in _STATE):
        draft.line(f"server-state-file {settings.states}", "state_file")
    if peer_of is not None and not begins(given, "localpeer"):
        draft.line(f"localpeer {peers_section.local_name(settings, peer_of)}", "peers")
    draft.blank()
    return draft


def _is_ours(line: str, settings: HAProxySettings) -> bool:
    """Return True if the operator's line names our own socket, which may stand there only once."""
    found = words(line)
    path = found[2].removeprefix("unix@") if found[:2] == ("stats", "socket") and found[2:] else ""
    return path == settings.socket_file


def _admin(line: str, settings: HAProxySettings) -> str:
    """The line for our own socket keeps its mode and owner, but must let us do everything."""
    if not _is_ours(line, settings):
        return line
    found = list(words(line))
    if "level" in found[:-1]:
        found[found.index("level") + 1] = "admin"
        return " ".join(found)
    return " ".join((*found, "level", "admin"))


def carries_states(settings: HAProxySettings) -> bool:
    """Return True if the next worker reads our file of states."""
    given = (*settings.global_, *settings.defaults)
    names = (*_STATE, "load-server-state-from-file")
    return not any(begins(given, name) for name in names)


def _head(settings: HAProxySettings, stanzas: Sequence[Stanza]) -> Iterator[Chunk]:
    yield _defaults(settings).chunk()
    if settings.stats:
        yield _stats(settings).chunk()
    if settings.prometheus:
        yield _prometheus(settings).chunk()
    for name in sorted(settings.meta_clusters):
        yield from _meta(settings, name, [s for s in stanzas if s.facts.meta == name])
    for name in sorted(settings.proxies):
        yield _proxy(settings, name, settings.proxies[name]).chunk()
    for text in sorted(settings.extra_sections):
        yield _extra(settings, text).chunk()


def _defaults(settings: HAProxySettings) -> Draft:
    draft = Draft()
    draft.head("defaults")
    given = settings.defaults
    for index, line in enumerate(given):
        draft.line(line, "defaults", index)
    for start, line in _DEFAULTS:
        if not begins(given, *start) and not begins(given, "no", *start):
            draft.line(line, "defaults")
    if carries_states(settings):
        draft.line("load-server-state-from-file global", "state_file")
    draft.blank()
    return draft


def _stats(settings: HAProxySettings) -> Draft:
    draft, stats = Draft(), settings.stats
    assert stats is not None
    draft.head(f"listen {STATS}", "stats")
    spot = bind_address(settings.bind_address, stats.port)
    draft.bind(spot, stats.bind_options, "stats")
    draft.line("mode http", "stats")
    draft.line("stats enable", "stats")
    draft.line(f"stats uri {stats.uri}", "stats", "uri")
    for key in ("connect", "client", "server"):
        draft.line(f"timeout {key} {getattr(stats.timeouts, key)}", "stats", "timeouts", key)
    draft.blank()
    return draft


def _prometheus(settings: HAProxySettings) -> Draft:
    draft, exporter = Draft(), settings.prometheus
    assert exporter is not None
    draft.head(f"frontend {METRICS}", "prometheus")
    spot = bind_address(settings.bind_address, exporter.port)
    draft.bind(spot, exporter.bind_options, "prometheus")
    draft.line("mode http", "prometheus")
    service = "http-request use-service prometheus-exporter"
    draft.line(f"{service} if {{ path {exporter.path} }}", "prometheus")
    draft.line("http-request deny deny_status 404", "prometheus")
    draft.line("no log", "prometheus")
    draft.blank()
    return draft


def _meta(settings: HAProxySettings, name: str, members: Sequence[Stanza]) -> Iterator[Chunk]:
    """The shared frontend; each member owns its own lines of it."""
    meta = settings.meta_clusters[name]
    draft = Draft()
    draft.head(f"frontend {name}", "meta_clusters", name)
    spot = bind_address(settings.bind_address, meta.port)
    draft.bind(spot, meta.bind_options, "meta_clusters", name)
    for index, line in enumerate(meta.frontend):
        draft.line(peers_section.share(line, settings), "meta_clusters", name, "frontend", index)
    yield draft.chunk()
    found = [(route, member) for member in members for route in member.facts.routes]
    for route, member in found:
        conditions = Draft()
        for line, place in route.conditions:
            conditions.line(line, *place)
        yield conditions.chunk(member.cluster)
    for route, member in sorted(found, key=lambda pair: (pair[0].rank, pair[1].cluster)):
        choice = Draft()
        choice.line(route.choice, *route.place)
        yield choice.chunk(member.cluster)
    yield Chunk("", "\n", ((),))


def _proxy(settings: HAProxySettings, name: str, proxy: ProxySection) -> Draft:
    draft = Draft()
    at = settings.bind_address if proxy.bind_address is None else proxy.bind_address
    draft.head(f"listen {name}", "proxies", name)
    draft.bind(bind_address(at, proxy.port), proxy.bind_options, "proxies", name)
    for index, line in enumerate(proxy.options):
        draft.line(peers_section.share(line, settings), "proxies", name, "options", index)
    for index, server in enumerate(proxy.upstreams):
        line = upstream(server, server.name or f"{name}_{index + 1}")
        draft.line(line, "proxies", name, "upstreams", index)
    draft.blank()
    return draft


def _extra(settings: HAProxySettings, text: str) -> Draft:
    """A section of the operator's own; an address behind its name becomes a ``bind`` line."""
    draft = Draft()
    head = header(text)
    draft.head(f"{head.section} {head.name}", "extra_sections", text)
    if head.bind:
        draft.line(f"bind {head.bind}", "extra_sections", text)
    for index, line in enumerate(settings.extra_sections[text]):
        draft.line(peers_section.share(line, settings), "extra_sections", text, index)
    draft.blank()
    return draft
