"""The list of peers that a RabbitMQ node reads at its first boot: pure text and names."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from lighthouse.cluster import Cluster
from lighthouse.files import FileTarget
from lighthouse.node import Node
from lighthouse.rabbitmq.settings import ERLANG_NODE, HOST
from lighthouse.text import quoted

HEADER: Final = "# kept by lighthouse, which replaces this file"
_ABOUT: Final = (
    f"{HEADER}; RabbitMQ goes by it at a node's first boot only,\n"
    "# and reads it when it starts: a change needs no restart\n"
    "cluster_formation.peer_discovery_backend = classic_config\n"
)
_NODES: Final = "cluster_formation.classic_config.nodes"
_LINE: Final = re.compile(rf"^{re.escape(_NODES)}\.[0-9]+ = (\S+)$", re.M)


class PeersTarget(FileTarget):
    """The file, with nothing beside it while it is written, nor afterwards.

    Where ``RABBITMQ_CONFIG_FILES`` is a directory RabbitMQ reads every file in it, hidden ones
    and half written ones too, and does not start if it cannot. So candidates, and what was
    replaced, are kept one directory above.
    """

    @property
    def beside(self) -> Path:
        return self._above("new")

    @property
    def unproven(self) -> Path:
        return self._above("unproven")

    def version(self, number: int) -> Path:
        return self._above(str(number))

    def _above(self, ending: str) -> Path:
        target = self.path.resolve()
        return target.parent.parent / f".{target.name}.{ending}"


class NotOurs(RuntimeError):
    """The file was written by somebody else."""


def render(names: Iterable[str]) -> bytes:
    """The file for these names: sorted, so that equal names give equal bytes."""
    lines = (f"{_NODES}.{number} = {name}\n" for number, name in enumerate(sorted(names), 1))
    return (_ABOUT + "".join(lines)).encode()


def listed(content: bytes | None) -> frozenset[str]:
    """The names in a file that we wrote, none if there is no file; raises ``NotOurs``."""
    text = (content or b"").decode("utf-8", "replace")
    if text.strip() and not text.startswith(HEADER):
        raise NotOurs("is not lighthouse's: move it away, or choose another peers_file")
    return frozenset(name for name in _LINE.findall(text) if ERLANG_NODE.fullmatch(name))


def name_of(node: Node, pattern: str) -> str | None:
    """The Erlang name of a node; None if what it says of itself is no name."""
    told = node.metadata.get("erlang_node")
    name = pattern.replace(HOST, node.host) if told is None else told
    return name if isinstance(name, str) and ERLANG_NODE.fullmatch(name) else None


def names_of(cluster: Cluster, pattern: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names of a cluster's nodes, and what is to be said of nodes that have none."""
    found = [(node, name_of(node, pattern)) for node in cluster.nodes]
    told = tuple(
        f"{node.name} is left out: its erlang_node "
        f"{quoted(str(node.metadata.get('erlang_node', node.host)))} is no name of a node"
        for node, name in found
        if name is None
    )
    return frozenset(name for _, name in found if name is not None), told


def wanted(seen: Collection[str], kept: Collection[str], gone: Collection[str]) -> frozenset[str]:
    """The names that the file is to have: none leaves it but those that are gone for good."""
    return frozenset(seen) | (frozenset(kept) - frozenset(gone))
