"""The whole configuration file as a pure function of settings, stanzas and servers.

Sorted, without a time stamp: equal input gives equal bytes. The text is made of chunks, each
owned by whoever is to blame for a fault in it; a cluster's chunk is made once per change of
that cluster.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from lighthouse.haproxy.directive import begins, words
from lighthouse.haproxy.server import Server, address
from lighthouse.haproxy.settings import Proxy, Settings, Stats
from lighthouse.haproxy.stanza import Stanza, bind_address

MARKER: Final = "LIGHTHOUSE_GENERATION"
STATS: Final = "lighthouse.stats"
"""The proxy that serves the statistics page."""

Servers = Mapping[str, Server]

_GLOBAL: Final = (
    (("hard-stop-after",), "hard-stop-after 30m"),
    (("mworker-max-reloads",), "mworker-max-reloads 10"),
    (("stats", "timeout"), "stats timeout 1d"),
)
_DEFAULTS: Final = (
    (("timeout", "connect"), "timeout connect 5s"),
    (("timeout", "client"), "timeout client 60s"),
    (("timeout", "server"), "timeout server 60s"),
    (("option", "redispatch"), "option redispatch 1"),
    (("option", "idle-close-on-response"), "option idle-close-on-response"),
)
_MARKED: Final = re.compile(rf"^ *setenv {MARKER} ([0-9a-f]+)$", re.MULTILINE)


class Chunk(msgspec.Struct, frozen=True):
    """Some lines of the file; ``owner`` is a cluster's name, or empty: the settings."""

    owner: str
    text: str


class Skeleton(msgspec.Struct, frozen=True):
    """The configuration without its servers; what only a reload can change.

    ``generation`` identifies it: the running HAProxy tells which one it has loaded.
    """

    head: tuple[Chunk, ...]
    stanzas: tuple[Stanza, ...]
    generation: str


def skeleton(settings: Settings, stanzas: Sequence[Stanza]) -> Skeleton:
    """Everything but the servers, for clusters sorted by name."""
    ordered = tuple(sorted(stanzas, key=lambda stanza: stanza.cluster))
    rest = tuple(_head(settings, ordered))
    digest = hashlib.blake2b(digest_size=12)
    first = _global(settings)
    for text in (first, *(c.text for c in rest), *(s.text for s in ordered)):
        digest.update(text.encode())
        digest.update(b"\0")
    generation = digest.hexdigest()
    marked = f"global\n    setenv {MARKER} {generation}\n{first}\n"
    return Skeleton((Chunk("", marked), *rest), ordered, generation)


def body(stanza: Stanza, servers: Servers) -> Chunk:
    """A cluster's part of the file."""
    lines = "".join([servers[name].line() for name in sorted(servers)])
    return Chunk(stanza.cluster, f"{stanza.text}{lines}\n")


def text_of(chunks: Iterable[Chunk]) -> str:
    return "".join([chunk.text for chunk in chunks])


def owner_at(chunks: Iterable[Chunk], line: int) -> str:
    """Whose the line of this number (from 1) is."""
    last = 0
    for chunk in chunks:
        last += chunk.text.count("\n")
        if line <= last:
            return chunk.owner
    return ""


def generation_in(text: str) -> str:
    """The generation of a rendered file; empty if it is none of ours."""
    found = _MARKED.search(text)
    return found.group(1) if found else ""


def _global(settings: Settings) -> str:
    given = settings.global_
    lines = [line for line in given if not _is_ours(line, settings)]
    lines.append(f"stats socket {settings.socket_file} mode 600 level admin")
    lines += [line for start, line in _GLOBAL if not begins(given, *start)]
    return "".join(f"    {line}\n" for line in lines)


def _is_ours(line: str, settings: Settings) -> bool:
    """Whether the operator's line names our own socket, which must stand there just once."""
    return words(line)[:3] == ("stats", "socket", settings.socket_file)


def _head(settings: Settings, stanzas: Sequence[Stanza]) -> Iterator[Chunk]:
    given = settings.defaults
    lines = list(given)
    for start, line in _DEFAULTS:
        if not begins(given, *start) and not begins(given, "no", *start):
            lines.append(line)
    yield Chunk("", "defaults\n" + "".join(f"    {line}\n" for line in lines) + "\n")
    if settings.stats:
        yield Chunk("", _stats(settings, settings.stats))
    for name in sorted(settings.meta_clusters):
        yield from _meta(settings, name, [s for s in stanzas if s.meta == name])
    for name in sorted(settings.proxies):
        yield Chunk("", _proxy(settings, name, settings.proxies[name]))


def _stats(settings: Settings, stats: Stats) -> str:
    return (
        f"listen {STATS}\n"
        f"    bind {bind_address(settings.bind_address, stats.port)}\n"
        "    mode http\n"
        "    stats enable\n"
        f"    stats uri {stats.uri}\n"
        f"    timeout connect {stats.timeouts.connect}\n"
        f"    timeout client {stats.timeouts.client}\n"
        f"    timeout server {stats.timeouts.server}\n\n"
    )


def _meta(settings: Settings, name: str, members: Sequence[Stanza]) -> Iterator[Chunk]:
    meta = settings.meta_clusters[name]
    lines = [f"frontend {name}", f"    bind {bind_address(settings.bind_address, meta.port)}"]
    lines += [f"    {line}" for line in meta.frontend]
    yield Chunk("", "\n".join(lines) + "\n")
    for member in members:
        yield Chunk(member.cluster, f"    acl is_{member.cluster} {member.acl}\n")
    for member in members:
        name = member.cluster
        yield Chunk(name, f"    use_backend {name} if is_{name}\n")
    yield Chunk("", "\n")


def _proxy(settings: Settings, name: str, proxy: Proxy) -> str:
    at = settings.bind_address if proxy.bind_address is None else proxy.bind_address
    lines = [f"listen {name}", f"    bind {bind_address(at, proxy.port)}"]
    lines += [f"    {line}" for line in proxy.options]
    for number, upstream in enumerate(proxy.upstreams, 1):
        line = f"    server {name}_{number} {address(upstream.host, upstream.port)}"
        if not upstream.host.replace(".", "").isdigit() and ":" not in upstream.host:
            line += " init-addr last,libc,none"
        if upstream.max_conn is not None:
            line += f" maxconn {upstream.max_conn}"
        lines.append(line)
    return "\n".join(lines) + "\n\n"
