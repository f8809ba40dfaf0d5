"""A RabbitMQ cluster as one of its nodes sees it, and what its release can do."""

import re
from typing import Final

import msgspec

from lighthouse.rabbitmq.settings import ERLANG_NODE

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


class UnreadableAnswer(ValueError):
    """A command printed something else than it should have."""


class Release(msgspec.Struct, frozen=True, order=True):
    """A version of RabbitMQ; (0, 0) for one that is not known."""

    major: int = 0
    minor: int = 0

    @property
    def joins_alone(self) -> bool:
        """Return True if ``join_cluster`` stops, resets and starts the node by itself."""
        return (self.major, self.minor) >= (4, 1)

    @property
    def sees_partitions(self) -> bool:
        """Return True if it tells of partitions of the cluster; later ones have no such thing."""
        return (self.major, self.minor) < (4, 3)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class NodeVersion(msgspec.Struct, frozen=True):
    """What one node of ``cluster_status`` runs."""

    rabbitmq_version: str = ""


class Topology(msgspec.Struct, frozen=True):
    """What ``cluster_status`` says, with the names sorted."""

    disk_nodes: tuple[str, ...]
    running_nodes: tuple[str, ...]
    ram_nodes: tuple[str, ...] = ()
    partitions: dict[str, tuple[str, ...]] = {}
    versions: dict[str, NodeVersion] = {}

    @property
    def members(self) -> frozenset[str]:
        """Everybody, running or not."""
        return frozenset((*self.disk_nodes, *self.ram_nodes, *self.running_nodes))

    @property
    def partitioned(self) -> tuple[str, ...]:
        """Nodes that have lost sight of each other while they ran."""
        found = {*self.partitions, *(name for lost in self.partitions.values() for name in lost)}
        return tuple(sorted(found))

    @property
    def has_majority(self) -> bool:
        """Return True if more than half of all disk members run."""
        running = set(self.running_nodes)
        return 2 * len(running.intersection(self.disk_nodes)) > len(self.disk_nodes)

    def release(self, name: str) -> Release:
        """What a node runs; not known if it does not say."""
        found = self.versions.get(name)
        told = _VERSION.match(found.rabbitmq_version) if found is not None else None
        return Release() if told is None else Release(int(told[1]), int(told[2]))


def read(printed: str) -> Topology:
    """What was printed by ``cluster_status --formatter json``; raises ``UnreadableAnswer``."""
    try:
        found = msgspec.json.decode(json_of(printed), type=Topology)
    except msgspec.DecodeError as error:
        raise UnreadableAnswer(f"cluster_status is not the expected JSON ({error})") from error
    strange = [name for name in found.members if not ERLANG_NODE.fullmatch(name)]
    if strange or not found.members:
        raise UnreadableAnswer("cluster_status names no nodes that could be understood")
    return Topology(
        tuple(sorted(set(found.disk_nodes))),
        tuple(sorted(set(found.running_nodes))),
        tuple(sorted(set(found.ram_nodes))),
        found.partitions,
        found.versions,
    )


def json_of(printed: str) -> str:
    """The JSON in what was printed, without a warning before it or behind it."""
    starts = [place for place in (printed.find("{"), printed.find("[")) if place >= 0]
    end = max(printed.rfind("}"), printed.rfind("]"))
    return printed[min(starts) : end + 1] if starts else ""
