"""Why each node of a cluster is in or out, typed, for the side that writes it and the reader.

Version 1, described in docs/operations.md, under the same rules as the status document.
"""

from typing import Any, Final

import msgspec

from lighthouse.daemon.status_document import GuardStatus, ServiceStatus, SourceStatus

VERSION: Final = 1


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a discovery is connected; ``state`` is None while it has not said anything."""

    state: str | None = None
    reason: str = ""
    since: float | None = None


class BalancerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``reason`` is why a balancer has not applied the cluster as it is."""

    name: str = ""
    applied: bool = False
    applied_at: float | None = None
    reason: str = ""


class NodeExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """``weight`` is as served; ``steps`` are in order, the last decides.

    ``reason`` is why a member gets no traffic, or no new sessions, from any balancer.
    """

    name: str = ""
    host: str | None = None
    ip: str = ""
    port: int = 0
    is_in: bool = msgspec.field(default=False, name="in")
    weight: int | None = None
    reason: str = ""
    metadata: dict[str, Any] = {}
    sources: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    local: ServiceStatus | None = None


class RefusedExplanation(msgspec.Struct, frozen=True, kw_only=True):
    discovery: str = ""
    record: str = ""
    reason: str = ""
    fault: bool = True


class ExplanationDocument(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    cluster: str = ""
    looked_up: str = ""
    known: bool = True
    stale: bool = False
    held_back: tuple[str, ...] = ()
    combine: str = "union"
    default_nodes: bool = False
    waits: bool = False
    sources: tuple[SourceStatus, ...] = ()
    guard: GuardStatus = GuardStatus()
    links: dict[str, ConnectionStatus] = {}
    balancers: tuple[BalancerStatus, ...] = ()
    nodes: tuple[NodeExplanation, ...] = ()
    refused: tuple[RefusedExplanation, ...] = ()


def parse_explanation(text: bytes) -> ExplanationDocument:
    """The explanation in ``text``; raises ``msgspec.DecodeError`` if it is none."""
    return msgspec.json.decode(text, type=ExplanationDocument)
