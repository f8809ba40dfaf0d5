"""What servers say of themselves, and what the checks make of it."""

from typing import Any

import pytest

from lighthouse.postgresql import replication as postgresql
from lighthouse.postgresql.replication import LagLimits, ReplicationState
from lighthouse.rabbitmq import node
from lighthouse.rabbitmq.node import Alarm, HealthAnswer, Member, NodeReport, Overview
from lighthouse.redis import replication as redis
from lighthouse.redis.replication import Replication
from lighthouse.zookeeper.protocol.four_letter_words import (
    NotServing,
    ServerReport,
    WordNotAllowed,
    parse,
)

MASTER = b"# Replication\r\nrole:master\r\nconnected_slaves:1\r\n"
REPLICA = (
    b"# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_link_status:%s\r\n"
    b"master_last_io_seconds_ago:%d\r\nmaster_link_down_since_seconds:%d\r\n"
)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (MASTER, Replication("master")),
        (REPLICA % (b"up", 3, -1), Replication("replica", True, 3.0)),
        (REPLICA % (b"down", -1, 40), Replication("replica", False, 40.0)),
        (REPLICA % (b"down", -1, -1), Replication("replica", False, None)),
        (b"role:slave\r\n", Replication("replica", False, None)),
    ],
)
def test_redis_info(info: bytes, expected: Replication) -> None:
    assert redis.parse(info) == expected


@pytest.mark.parametrize("info", [b"", b"\xff\xfe", b"role:\r\n", b"# Server\r\n"])
def test_redis_info_without_a_role(info: bytes) -> None:
    with pytest.raises(ValueError, match="no role"):
        redis.parse(info)


@pytest.mark.parametrize(
    ("found", "role", "max_lag", "fault"),
    [
        (Replication("master"), "any", 5, ""),
        (Replication("master"), "replica", None, "is a master, expected a replica"),
        (Replication("replica", True, 3), "master", None, "is a replica, expected a master"),
        (Replication("replica", False), "replica", None, ""),
        (Replication("replica", False, 3), "any", 5, "the replica has no link to its master"),
        (Replication("replica", True, 5), "any", 5, ""),
        (Replication("replica", True, 6), "any", 5, "nothing from its master for more than 5 s"),
        (Replication("replica", True), "any", 5, "nothing from its master for more than 5 s"),
    ],
)
def test_redis_faults(found: Replication, role: Any, max_lag: float | None, fault: str) -> None:
    told = redis.fault(found, role, max_lag)
    assert bool(told) == bool(fault)
    assert fault in told


def test_redis_silence_within_the_heartbeat_is_no_lag() -> None:
    seen = [redis.shown_lag(Replication("replica", True, lag)) for lag in (0, 10, 11)]
    assert seen == [0, 0, 11]
    assert redis.shown_lag(Replication("replica", False, 2)) == 2
    assert redis.facts(Replication("replica", False), None) == {
        "role": "replica",
        "link": "down",
    }


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["f", "0000000B", "f", None, None, None, None, None], ReplicationState("primary", 11)),
        (["f", None, "f", None, None, None, None, None], ReplicationState("primary", None)),
        (
            ["t", None, "t", "streaming", "3", "1024", "f", "4.25"],
            ReplicationState("replica", 3, True, True, 1024, 4.25),
        ),
        (
            ["t", None, "t", "streaming", "3", "-8", "t", "4000.1"],
            ReplicationState("replica", 3, True, True, 0, 0.0),
        ),
        (
            ["t", None, "t", "waiting", "3", "0", "t", "9"],
            ReplicationState("replica", 3, True, False, 0, 9.0),
        ),
        (
            ["t", None, "f", None, None, None, "t", "9"],
            ReplicationState("replica", None, True, False, None, 9.0),
        ),
        (
            ["t", None, "t", None, None, None, "t", "9"],
            ReplicationState("replica", None, False, False, None, 9.0),
        ),
    ],
)
def test_postgresql_rows(row: list[str | None], expected: ReplicationState) -> None:
    assert postgresql.parse(row) == expected


GOOD = ReplicationState("replica", 3, True, True, 1024, 4.25)


@pytest.mark.parametrize(
    ("found", "limits", "fault"),
    [
        (ReplicationState("primary", 3), LagLimits("any", 1, 1), ""),
        (ReplicationState("primary", 3), LagLimits("replica"), "is a primary, expected a replica"),
        (GOOD, LagLimits("primary"), "is a replica, expected a primary"),
        (GOOD, LagLimits("replica", 5, 1024), ""),
        (GOOD, LagLimits("any", 4), "a lag of 5 s, at most 4 s are allowed"),
        (GOOD, LagLimits("any", None, 1023), "a lag of 1024 bytes, at most 1023 bytes"),
        (ReplicationState("replica", 3, True, False, 0, 0), LagLimits(), ""),
        (
            ReplicationState("replica", 3, True, False, 0, 0),
            LagLimits("any", 9),
            "does not stream",
        ),
        (ReplicationState("replica", 3, True, True, None, 0), LagLimits("any", 9), ""),
        (
            ReplicationState("replica", 3, True, True, None, 0),
            LagLimits("any", 9, 9),
            "an unknown lag",
        ),
        (ReplicationState("replica", None, False), LagLimits("any", 9), "grant pg_monitor to me"),
    ],
)
def test_postgresql_faults(found: ReplicationState, limits: LagLimits, fault: str) -> None:
    told = postgresql.fault(found, limits, "me")
    assert bool(told) == bool(fault)
    assert fault in told


def report(member: Member | None, others: int = 0, lost: int = 0, **checks: Any) -> NodeReport:
    """A node called a, so many others that run, and so many that are lost."""
    rest = [Member(f"b{index}", running=True) for index in range(others)]
    gone = [Member(f"c{index}") for index in range(lost)]
    members = tuple(one for one in (member, *rest, *gone) if one is not None)
    return NodeReport(Overview("a", "shop"), members, **checks)


RUNS = Member("a", running=True)
SHORT = HealthAnswer("There are alarms", (Alarm("memory"), Alarm("disk"), Alarm("disk")))


@pytest.mark.parametrize(
    ("found", "fail_on", "fault"),
    [
        (report(RUNS), ["alarms", "partitions", "quorum"], ""),
        (report(None), [], "the node a is not running"),
        (report(Member("a")), [], "the node a is not running"),
        (report(Member("a", True, being_drained=True)), [], "maintenance"),
        (report(RUNS, local_alarms=SHORT), ["alarms"], "alarm: disk, memory; publishers"),
        (report(RUNS, local_alarms=SHORT), ["partitions"], ""),
        (report(RUNS, quorum=HealthAnswer("one is")), ["quorum"], "quorum critical: one is"),
        (report(Member("a", True, False, ["c0"]), 0, 2), ["partitions"], "in the smaller part"),
        (report(Member("a", True, False, ["c0"]), 1, 1), ["partitions"], ""),
        (report(Member("a", True, False, ["c0"]), 0, 1), ["partitions"], ""),
        (report(Member("a", True, False, ["c0"]), 0, 2), ["alarms"], ""),
    ],
)
def test_rabbitmq_faults(found: NodeReport, fail_on: Any, fault: str) -> None:
    told = node.fault(found, fail_on)
    assert bool(told) == bool(fault)
    assert fault in told


def test_rabbitmq_facts() -> None:
    found = report(Member("a", True, False, ["c0"]), 0, 1, local_alarms=SHORT)
    expected = {"erlang_node": "a", "alarms": ["disk", "memory"], "partitioned": True}
    assert node.facts(found) == expected
    assert node.facts(report(RUNS)) == {"erlang_node": "a"}


def test_zookeeper_answers() -> None:
    answer = (
        "Zookeeper version: 3.8.0-5a02a05, built on 2022-02-25\nMode: follower\nNode count: 5\n"
    )
    assert parse(answer) == ServerReport("follower", "3.8.0")
    assert parse("Mode: observer\n") == ServerReport("observer")
    with pytest.raises(WordNotAllowed):
        parse("srvr is not executed because it is not in the whitelist.\n")
    with pytest.raises(NotServing):
        parse("This ZooKeeper instance is not currently serving requests\n")
    for other in ("", "imok", "HTTP/1.1 400 Bad Request\r\n"):
        with pytest.raises(OSError):  # noqa: PT011
            parse(other)
