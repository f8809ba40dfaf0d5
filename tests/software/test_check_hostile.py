"""The checks of servers where nobody listens, and at servers of every other kind."""

from typing import Any

import pytest

from lighthouse.check import Check, Result
from lighthouse.grpc.check import GrpcCheck
from lighthouse.postgresql.check import PostgresqlCheck
from lighthouse.rabbitmq.check import RabbitmqCheck
from lighthouse.redis.check import RedisCheck
from lighthouse.zookeeper.check import ZookeeperCheck
from tests.software.probing import Probe, probe
from tests.software.servers import BEHAVIOURS, hostile, speaking, unused

KINDS: list[type[Check]] = [
    GrpcCheck,
    PostgresqlCheck,
    RabbitmqCheck,
    RedisCheck,
    ZookeeperCheck,
]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listens(kind: type[Check]) -> None:
    assert probe(kind, {}, unused()) == Result(False, "no connection: Connection refused")


@pytest.mark.parametrize("kind", [RabbitmqCheck, RedisCheck])
def test_an_endless_answer_is_not_read_on_and_on(kind: type[Check]) -> None:
    with hostile("flooding") as port:
        assert "more than 1048576 bytes came" in probe(kind, {}, port, 30.0).reason


def test_an_answer_within_answers_without_end() -> None:
    with speaking(b"*1\r\n" * 100_000) as port:
        assert "nested without end" in probe(RedisCheck, {}, port, 30.0).reason


@pytest.mark.parametrize(
    "info",
    [
        b"role:\x1b[31mevil",
        b"role:" + b"x" * 10_000,
        b"role:slave\r\nmaster_last_io_seconds_ago:zz",
        b"role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:" + b"9" * 5_000,
    ],
)
def test_what_redis_never_says_of_itself_is_neither_believed_nor_published(info: bytes) -> None:
    answer = b"+PONG\r\n$%d\r\n%s\r\n" % (len(info), info)
    with speaking(answer) as port:
        result = probe(RedisCheck, {"role": "replica", "max_lag": 5}, port, 30.0)
    assert not result.passing
    assert len(str(dict(result.metadata))) < 100


def test_a_mode_that_zookeeper_has_not_is_neither_believed_nor_published() -> None:
    with speaking(b"Zookeeper version: 3.8\nMode: \x1b[31mleader\n") as port:
        result = probe(ZookeeperCheck, {}, port, 30.0)
    assert not result.passing
    assert not result.metadata


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_without_address(kind: type[Check]) -> None:
    result = Probe(kind, {}, 80, "nowhere.invalid")(3.0)
    assert not result.passing
    assert result.reason.startswith("no connection")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
def test_what_is_no_such_server(kind: type[Check], behaviour: str) -> None:
    """It ends within its timeout, with a reason."""
    settings: dict[type[Check], dict[str, Any]] = {ZookeeperCheck: {"session": True}}
    with hostile(behaviour) as port:
        assert not probe(kind, settings.get(kind, {}), port, 0.5).passing
