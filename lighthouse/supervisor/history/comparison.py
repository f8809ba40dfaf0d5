"""What differs between two snapshots, in words and figures; pure.

Only so much is looked into: who asks must not hold up the daemon.
"""

import difflib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from lighthouse.daemon.history_document import ClusterChange, NodeChange
from lighthouse.ipc.messages import decode_as
from lighthouse.ipc.snapshot import BalancerSnapshot, Membership, Part, PluginSettings
from lighthouse.node import Node
from lighthouse.supervisor.history.blank import blanked
from lighthouse.supervisor.history.version import replaced

LOOKED_INTO: Final = 20
"""Clusters of one version that are told of one by one."""

NODES: Final = 50
"""Nodes of one cluster that are."""

LINES: Final = 200
"""Lines of the difference of one content."""

LOOKED_AT: Final = 2000
"""Lines of one content that are compared."""

_Dumper: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def compare(
    before: BalancerSnapshot, now: BalancerSnapshot
) -> tuple[tuple[ClusterChange, ...], int, str]:
    """The clusters that differ, how many more do, and how the balancer's own file does."""
    pairs = replaced(before.clusters, now.clusters)
    told = tuple(_changes(pairs[:LOOKED_INTO]))
    settings = _difference(before.settings, now.settings)
    return told, max(0, len(pairs) - LOOKED_INTO), settings


def _changes(pairs: Iterable[tuple[Part | None, Part | None]]) -> Iterator[ClusterChange]:
    for was, part in pairs:
        change = _change(was, part)
        if change is not None:
            yield change


def _change(was: Part | None, part: Part | None) -> ClusterChange | None:
    """None if only the moment differs at which it was read."""
    old, new = _membership(was), _membership(part)
    nodes_before, nodes = _nodes(old), _nodes(new)
    added = [node.place for key, node in nodes.items() if key not in nodes_before]
    removed = [node.place for key, node in nodes_before.items() if key not in nodes]
    changed = [
        NodeChange(node.place, _differs(nodes_before[key], node))
        for key, node in nodes.items()
        if key in nodes_before and nodes_before[key] != node
    ]
    section = _difference(old.settings if old else None, new.settings if new else None)
    known = _known(old, new)
    if not (added or removed or changed or section or known) and was and part:
        return None
    name = next(each.name for each in (part, was) if each is not None)
    return ClusterChange(
        cluster=name,
        kind="changed" if was and part else ("added" if part else "removed"),
        nodes=len(nodes),
        added=tuple(added[:NODES]),
        removed=tuple(removed[:NODES]),
        changed=tuple(changed[:NODES]),
        unnamed=sum(max(0, len(each) - NODES) for each in (added, removed, changed)),
        known=known,
        section=section,
    )


def _membership(part: Part | None) -> Membership | None:
    return None if part is None else decode_as(Membership, part.body)


def _nodes(membership: Membership | None) -> dict[Any, Node]:
    if membership is None:
        return {}
    return {n.key: n for n in decode_as(tuple[Node, ...], bytes(membership.nodes))}


def _differs(was: Node, node: Node) -> str:
    """What of a node is another now."""
    told = []
    for name in ("host", "weight", "peer"):
        before, now = getattr(was, name), getattr(node, name)
        if before != now:
            told.append(f"{name} {before} to {now}")
    for key in sorted(was.metadata.keys() | node.metadata.keys()):
        before, now = was.metadata.get(key), node.metadata.get(key)
        if before != now:
            told.append(f"{key} {blanked({key: before})[key]} to {blanked({key: now})[key]}")
    return ", ".join(told) or "what was noted of its record"


def _known(old: Membership | None, new: Membership | None) -> str:
    if old is None or new is None:
        return ""
    told = []
    if old.known != new.known:
        told.append("is known" if new.known else "is not known any more")
    if old.stale != new.stale:
        told.append("is stale" if new.stale else "is not stale any more")
    return ", ".join(told)


def _difference(old: PluginSettings | None, new: PluginSettings | None) -> str:
    """How a content differs, as the lines of a file; secrets are left out."""
    if old == new or (old is not None and new is not None and old.config == new.config):
        return ""
    rows = difflib.unified_diff(_text(old), _text(new), "before", "now", n=1, lineterm="")
    return "\n".join(itertools.islice(rows, LINES))


def _text(settings: PluginSettings | None) -> list[str]:
    if settings is None:
        return []
    content = blanked(settings.config)
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=True, allow_unicode=True)
    return str(text).splitlines()[:LOOKED_AT]
