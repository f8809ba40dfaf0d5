"""What a broker's management API says of its node, and whether that will do."""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec

NodeCondition = Literal["alarms", "partitions", "quorum"]


class Overview(msgspec.Struct, frozen=True):
    """``GET /api/overview``"""

    node: str
    cluster_name: str = ""


class Member(msgspec.Struct, frozen=True):
    """One node of ``GET /api/nodes``, as the node that was asked sees it."""

    name: str
    running: bool = False
    being_drained: bool = False
    partitions: list[str] = []


class Alarm(msgspec.Struct, frozen=True):
    """What a node is short of: ``memory``, ``disk`` or ``file_descriptor``."""

    resource: str


class HealthAnswer(msgspec.Struct, frozen=True):
    """``GET /api/health/checks/...``: what comes with status 503, or nothing with 200."""

    reason: str = ""
    alarms: tuple[Alarm, ...] = ()


class NodeReport(msgspec.Struct, frozen=True):
    """All of it; the health checks are passed ones if nobody asked for them."""

    overview: Overview
    members: tuple[Member, ...]
    local_alarms: HealthAnswer = HealthAnswer()
    quorum: HealthAnswer = HealthAnswer()

    @property
    def alarms(self) -> list[str]:
        return sorted({alarm.resource for alarm in self.local_alarms.alarms})

    @property
    def member(self) -> Member | None:
        """The node itself."""
        return next((one for one in self.members if one.name == self.overview.node), None)


def fault(report: NodeReport, fail_on: Collection[NodeCondition]) -> str:
    """Why the node is not well; empty if it is."""
    member = report.member
    if member is None or not member.running:
        return f"the node {report.overview.node} is not running"
    if member.being_drained:
        return "the node is in maintenance mode"
    if "alarms" in fail_on and report.local_alarms.reason:
        short = ", ".join(report.alarms) or report.local_alarms.reason
        return f"alarm: {short}; publishers are blocked"
    if "partitions" in fail_on and _outnumbered(member, report.members):
        return f"partitioned from {', '.join(sorted(member.partitions))}, in the smaller part"
    if "quorum" in fail_on and report.quorum.reason:
        return f"quorum critical: {report.quorum.reason}"
    return ""


def facts(report: NodeReport) -> dict[str, Any]:
    """What is published of the node."""
    found: dict[str, Any] = {"erlang_node": report.overview.node}
    if report.alarms:
        found["alarms"] = report.alarms
    member = report.member
    if member is not None and member.partitions:
        found["partitioned"] = True
    return found


def _outnumbered(member: Member, members: Sequence[Member]) -> bool:
    """Return True if fewer than half of the cluster are on this node's side.

    Of a cluster that falls apart into two, one side at least goes on.
    """
    lost = set(member.partitions)
    here = [one for one in members if one.running and one.name not in lost]
    return bool(lost) and 2 * len(here) < len(members)
