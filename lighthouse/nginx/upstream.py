"""Upstreams as text: a pure function of sections, nodes, and what this nginx knows."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.nginx.build import NginxBuild
from lighthouse.nginx.settings import (
    CLUSTER,
    TIME,
    NginxSettings,
    ServerOptions,
    UpstreamSection,
)
from lighthouse.node import Node
from lighthouse.schema import Path

HEADER: Final = "# kept by lighthouse, which replaces this file; edit the cluster's own instead"
_MARK: Final = "# cluster "
_SMALLEST_ZONE: Final = 64
_PER_NODE: Final = 2
"""KiB that are planned for a node; nginx needs about one."""

_SECTION: Final = "    # section: "
"""Begins the line that says by which section an upstream was rendered, for after a restart."""

_LONGEST: Final = 1000
"""Bytes of such a line; nginx takes no comment that is much longer."""

_NOBODY: Final = "    server 127.0.0.1:1 down;"
_ROOM: Final = 256
"""Nodes for which the zone of an upstream that follows the DNS has room at least."""


class BlockLine(msgspec.Struct, frozen=True):
    """A line of an upstream, and where in the cluster's section it comes from."""

    text: str
    origin: Path = ()


class UpstreamBlock(msgspec.Struct, frozen=True):
    """One cluster's upstream, and the file that it belongs into."""

    cluster: str
    file: str
    lines: tuple[BlockLine, ...]

    @property
    def text(self) -> str:
        return _text(self.lines)

    @property
    def opening(self) -> str:
        """The line that gives the upstream its name."""
        return self.lines[1].text

    @property
    def placeholder(self) -> str:
        """An upstream of the same name without any server, for whoever still names it."""
        return _text((*self.lines[:2], BlockLine(_NOBODY), self.lines[-1]))


def render(
    settings: NginxSettings, build: NginxBuild, cluster: Cluster, section: UpstreamSection
) -> UpstreamBlock | None:
    """The upstream of a cluster; None if there is no file for the context of its section."""
    pattern = settings.file_of(section.context)
    if pattern is None:
        return None
    name = section.upstream or cluster.name
    head = BlockLine(f"{_MARK}{cluster.name}")
    body = (*_directives(settings, build, cluster, section), *_note(section))
    lines = (head, BlockLine(f"upstream {name} {{", ("upstream",)), *body, BlockLine("}"))
    return UpstreamBlock(cluster.name, pattern.replace(CLUSTER, cluster.name), lines)


def file_of(upstreams: Sequence[str]) -> bytes:
    """A file with these upstreams, as they are rendered."""
    return "\n".join([f"{HEADER}\n", *upstreams]).encode()


def blocks(content: bytes) -> dict[str, str]:
    """The upstreams of a file that we wrote, by cluster."""
    found: dict[str, str] = {}
    name = ""
    for line in content.decode("utf-8", "replace").splitlines():
        name = line.removeprefix(_MARK) if line.startswith(_MARK) else name
        if name and line:
            found[name] = found.get(name, "") + line + "\n"
    return found


def section_of(text: str) -> UpstreamSection | None:
    """The section by which an upstream that we wrote was rendered; None if that is not known."""
    lines = text.splitlines()
    found = [line.removeprefix(_SECTION) for line in lines if line.startswith(_SECTION)]
    if not found:
        return None if _NOBODY in lines else UpstreamSection()
    try:
        return msgspec.json.decode(found[0], type=UpstreamSection)
    except msgspec.DecodeError:
        return None


def at(content: bytes, number: int) -> tuple[str, int] | None:
    """The cluster that a line of one of our files belongs to, and the line within its upstream."""
    lines = content.decode("utf-8", "replace").splitlines()[:number]
    for back, line in enumerate(reversed(lines)):
        if line.startswith(_MARK):
            return line.removeprefix(_MARK), back
    return None


def _text(lines: Sequence[BlockLine]) -> str:
    return "".join(f"{line.text}\n" for line in lines)


def _note(section: UpstreamSection) -> Iterator[BlockLine]:
    """Nothing for a section that says nothing."""
    told = msgspec.json.encode(section)
    if section != UpstreamSection():
        kept = told.decode() if len(told) <= _LONGEST else "too long to be kept"
        yield BlockLine(f"{_SECTION}{kept}")


def _directives(
    settings: NginxSettings, build: NginxBuild, cluster: Cluster, section: UpstreamSection
) -> Iterator[BlockLine]:
    if section.zone or section.resolve:
        size = _zone(len(cluster.nodes), bool(section.resolve))
        yield BlockLine(
            f"    zone lighthouse_{section.context}_{cluster.name} {size}k;", ("zone",)
        )
    if section.balance.strip():
        yield BlockLine(f"    {section.balance.strip()};", ("balance",))
    if section.resolve:
        yield from _resolved(settings, cluster.name.replace(".", "-"), section)
    else:
        yield from _servers(settings, build, cluster.nodes, section)
    for index, line in enumerate(section.directives):
        yield BlockLine(f"    {line.strip()};", ("directives", index))
    if section.context == "http" and (section.keepalive or build.keeps_by_default):
        yield BlockLine(f"    keepalive {section.keepalive};", ("keepalive",))


def _zone(nodes: int, resolves: bool) -> int:
    """KiB: a power of two with room to grow, so that it is seldom another one."""
    size = _SMALLEST_ZONE
    while size < _PER_NODE * (max(4 * nodes, _ROOM) if resolves else nodes):
        size *= 2
    return size


def _servers(
    settings: NginxSettings, build: NginxBuild, nodes: Sequence[Node], section: UpstreamSection
) -> Iterator[BlockLine]:
    drain = "drain" if build.drains and section.context == "http" else "down"
    for node in nodes:
        words = [f"server {node.place}"]
        words += [drain] if node.weight == 0 else []
        words += [f"weight={node.weight}"] if node.weight > 1 else []
        words += _options(section.server_options, node.metadata, settings.node_options)
        yield BlockLine(f"    {' '.join(words)};", ("server_options",))
    if not nodes:
        yield BlockLine(_NOBODY)


def _resolved(settings: NginxSettings, name: str, section: UpstreamSection) -> Iterator[BlockLine]:
    resolver = settings.resolver
    if resolver is not None:
        yield BlockLine(f"    resolver {resolver.address} valid={resolver.valid};", ("resolve",))
    zone = "" if resolver is None else f".{resolver.zone}"
    words = [f"server {section.resolve if isinstance(section.resolve, str) else name + zone}"]
    words += [f"service={section.service}"] if section.service else []
    words += ["resolve", *_options(section.server_options, {}, ())]
    yield BlockLine(f"    {' '.join(words)};", ("resolve",))


def _options(
    options: ServerOptions, metadata: dict[str, Any], allowed: Sequence[str]
) -> Iterator[str]:
    """The parameters of a server; what a node says of itself counts if it is allowed and fits."""
    for key in ("max_fails", "fail_timeout", "max_conns"):
        own = metadata.get(key) if key in allowed else None
        value = own if _fits(key, own) else getattr(options, key)
        if value is not None:
            yield f"{key}={value}"
    if "backup" in allowed and metadata.get("backup") is True:
        yield "backup"


def _fits(key: str, value: object) -> bool:
    if key == "fail_timeout":
        return isinstance(value, str) and TIME.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
