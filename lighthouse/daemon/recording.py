"""A recording of what balancers were given: one JSON object a line, the first says what it is.

Each further line is one version of one balancer, by the clusters that are others than in its line
before. Secrets are left out.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from lighthouse.cluster import Cluster
from lighthouse.node import Node

T = TypeVar("T")

FORMAT: Final = "lighthouse recording"
VERSION: Final = 1


class UnreadableRecording(ValueError):
    """The text says what is wrong with a file, and where."""


class RecordingHead(msgspec.Struct, frozen=True, kw_only=True):
    format: str = ""
    version: int = 0
    started_at: float = 0.0
    config_dir: str = ""


class RecordedCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as the balancer was given it; ``config`` is its section."""

    nodes: list[Node] = []
    config: dict[str, Any] | None = None
    known: bool = True
    stale: bool = False
    observed_at: float = 0.0
    meta_cluster: str | None = None


class RecordedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """``at`` is seconds since the recording began; ``config`` None: as before."""

    at: float = 0.0
    balancer: str = ""
    plugin: str = ""
    version: int = 0
    config: dict[str, Any] | None = None
    clusters: dict[str, RecordedCluster] = {}
    gone: list[str] = []


class Scene(msgspec.Struct, frozen=True):
    """All that a balancer was given by one version."""

    at: float
    balancer: str
    plugin: str
    version: int
    config: dict[str, Any]
    clusters: dict[str, RecordedCluster]

    def given(self) -> list[Cluster]:
        """The clusters, sorted by name, as a plugin is given them."""
        return [
            Cluster(
                name,
                [*one.nodes],
                one.config,
                one.known,
                one.stale,
                one.observed_at,
                one.meta_cluster,
            )
            for name, one in sorted(self.clusters.items())
        ]


def read(path: Path) -> Iterator[Scene]:
    """Every version in a file, in order; raises ``OSError`` and ``UnreadableRecording``."""
    with path.open("rb") as file:
        yield from scenes(file, str(path))


def scenes(lines: Iterable[bytes], name: str) -> Iterator[Scene]:
    """The versions that these lines tell of."""
    configs: dict[str, dict[str, Any]] = {}
    clusters: dict[str, dict[str, RecordedCluster]] = {}
    for number, line in enumerate(lines, 1):
        place = f"{name}:{number}"
        if number == 1:
            _head(line, place)
            continue
        if not line.endswith(b"\n"):
            return  # it was cut off while it was written
        one = _decoded(line, RecordedVersion, place)
        if one.config is not None:
            configs[one.balancer] = one.config
        held = {**clusters.get(one.balancer, {}), **one.clusters}
        clusters[one.balancer] = {k: v for k, v in held.items() if k not in one.gone}
        config = configs.get(one.balancer, {})
        yield Scene(one.at, one.balancer, one.plugin, one.version, config, clusters[one.balancer])


def _head(line: bytes, place: str) -> None:
    head = _decoded(line, RecordingHead, place)
    if head.format != FORMAT:
        raise UnreadableRecording(f"{place}: no recording of `lighthouse record`")
    if head.version != VERSION:
        raise UnreadableRecording(f"{place}: version {head.version} of another release")


def _decoded(line: bytes, kind: type[T], place: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableRecording(f"{place}: no line of a recording: {error}") from error
