"""What a balancer applied lately, typed, for the side that writes it and the side that reads it.

Version 1, described in docs/cockpit.md. Times are wall-clock seconds. Secrets are left out.
"""

from typing import Final

import msgspec

from lighthouse.daemon.worker_document import OrderStatus

VERSION: Final = 1


class TriggerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Why there was a new version: ``kind`` is observed, file, start, order or time.

    ``name`` is a cluster's or a file's; ``discovery`` saw the change whose ``trace`` that is.
    """

    kind: str = ""
    name: str = ""
    discovery: str = ""
    trace: str = ""
    at: float = 0.0


class NodeChange(msgspec.Struct, frozen=True):
    """A node that stayed; ``what`` says what of it is another now."""

    node: str = ""
    what: str = ""


class ClusterChange(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` is added, removed or changed; ``nodes`` how many it has now.

    Nodes are named by address; ``unnamed`` are further ones. ``known`` says whether its nodes
    began or ceased to be known or fresh, ``section`` is how its file's section differs.
    """

    cluster: str = ""
    kind: str = "changed"
    nodes: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[NodeChange, ...] = ()
    unnamed: int = 0
    known: str = ""
    section: str = ""


class VersionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One version; see ``lighthouse.supervisor.history.version``.

    ``changes`` are from the version before, ``more_clusters`` those that are not told one by
    one, ``settings`` is how the balancer's own file differs. ``first``: none before it is known.
    """

    version: int = 0
    plugin: str = ""
    applied_at: float = 0.0
    outcome: str = ""
    reason: str = ""
    duration_ms: float = 0.0
    reloads: int | None = None
    triggers: tuple[TriggerStatus, ...] = ()
    more_triggers: int = 0
    first: bool = False
    clusters: int = 0
    changes: tuple[ClusterChange, ...] = ()
    more_clusters: int = 0
    settings: str = ""


class BalancerHistory(msgspec.Struct, frozen=True, kw_only=True):
    """``versions`` has the newest first; ``pinned`` is by whose order."""

    balancer: str = ""
    pinned: OrderStatus | None = None
    versions: tuple[VersionStatus, ...] = ()


class HistoryDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    balancers: tuple[BalancerHistory, ...] = ()


def parse_history(text: bytes) -> HistoryDocument:
    """The document in ``text``; raises ``msgspec.DecodeError`` if it is none."""
    return msgspec.json.decode(text, type=HistoryDocument)
