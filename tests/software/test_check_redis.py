"""The redis check against real servers in every state that they can be brought into."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.check import Result
from lighthouse.redis.check import RedisCheck
from tests.software.probing import Probe, probe
from tests.software.redis_world import Redis, redis_server
from tests.software.servers import certificate, speaking, unused
from tests.waiting import eventually

pytestmark = pytest.mark.needs("redis")


@pytest.fixture(scope="module")
def plain() -> Iterator[Redis]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def guarded() -> Iterator[Redis]:
    with redis_server("--requirepass", "right") as server:
        with server.client(password="right") as client:
            client.execute_command("ACL SETUSER probe on >secret -@all +ping +info")
            client.execute_command("ACL SETUSER mute on >secret -@all +ping")
            client.execute_command("ACL SETUSER nobody on >secret -@all")
        yield server


@pytest.fixture
def password(tmp_path: Path) -> Any:
    def reference(text: str) -> dict[str, str]:
        path = tmp_path / "secret"
        path.write_text(text + "\n")
        return {"file": str(path)}

    return reference


def test_without_settings_ping_expects_pong(plain: Redis) -> None:
    assert probe(RedisCheck, {}, plain.port) == Result(
        True, "PONG from a master", {"role": "master"}
    )
    assert probe(RedisCheck, {"role": "master"}, plain.port).passing
    refused = probe(RedisCheck, {"role": "replica"}, plain.port)
    assert refused == Result(False, "is a master, expected a replica", {"role": "master"})


@pytest.mark.parametrize(
    ("user", "secret", "config", "passing", "reason"),
    [
        (None, None, {}, False, "a password is required"),
        (None, "right", {}, True, "PONG from a master"),
        (None, "wrong", {}, False, "the password (or 'username') is wrong"),
        ("probe", "secret", {"role": "master"}, True, "PONG from a master"),
        ("probe", "wrong", {}, False, "the password (or 'username') is wrong"),
        ("mute", "secret", {}, True, "PONG, but may not run INFO; grant the user +info"),
        ("mute", "secret", {"role": "any", "max_lag": 5}, False, "may not run INFO"),
        ("nobody", "secret", {}, False, "no permissions to run the 'ping' command"),
    ],
)
def test_credentials(
    guarded: Redis, password: Any, user: Any, secret: Any, config: Any, passing: bool, reason: str
) -> None:
    given = {} if secret is None else {"password": password(secret)}
    named = {} if user is None else {"username": user}
    result = probe(RedisCheck, {**config, **given, **named}, guarded.port)
    assert (result.passing, reason in result.reason) == (passing, True), result
    assert "secret" not in result.reason


def test_a_password_nobody_wants_and_one_that_is_not_there(plain: Redis, password: Any) -> None:
    result = probe(RedisCheck, {"password": password("x")}, plain.port)
    assert not result.passing
    assert "remove 'password'" in result.reason
    missing = probe(RedisCheck, {"password": {"env": "LH_NO_SUCH"}}, plain.port)
    assert missing == Result(False, "no password: the environment has no LH_NO_SUCH")


def test_a_replica_in_all_its_states(plain: Redis) -> None:
    with redis_server("--replicaof", "127.0.0.1", str(plain.port)) as replica:
        strict = Probe(RedisCheck, {"role": "replica", "max_lag": 30}, replica.port)
        found = eventually(lambda: found if (found := strict()).passing else None)
        metadata = {"role": "replica", "link": "up", "lag_seconds": 0}
        assert found == Result(True, "PONG from a replica", metadata)
        assert not probe(RedisCheck, {"role": "master"}, replica.port).passing
        with replica.client() as client:
            client.replicaof("127.0.0.1", unused())
            lost = eventually(lambda: found if not (found := strict()).passing else None)
            assert lost.reason == "the replica has no link to its master"
            assert lost.metadata["link"] == "down"
            lax = probe(RedisCheck, {}, replica.port)
            assert (lax.passing, lax.metadata["role"]) == (True, "replica")
            client.config_set("replica-serve-stale-data", "no")
            stale = probe(RedisCheck, {}, replica.port)
            assert not stale.passing
            assert "Link with MASTER is down" in stale.reason
            client.execute_command("REPLICAOF NO ONE")
            assert Probe(RedisCheck, {}, replica.port)().metadata == {"role": "master"}


def test_loading_is_not_passing_with_the_reason() -> None:
    server = Redis()
    try:
        server.start()
        with server.client() as client:
            client.execute_command("DEBUG POPULATE 20000 k 100")
            client.execute_command("SAVE")
        server.stop()
        slow = "--key-load-delay 2000 --loading-process-events-interval-bytes 1024"
        server.start(*slow.split(), up=False)
        loading = eventually(
            lambda: (
                found
                if "loading" in (found := probe(RedisCheck, {}, server.port)).reason
                else None
            )
        )
        assert loading == Result(False, "Redis is loading the dataset in memory")
    finally:
        server.close()


def test_a_hanging_server_takes_no_longer_than_the_timeout(plain: Redis) -> None:
    assert plain.daemon is not None
    plain.daemon.send(signal.SIGSTOP)
    try:
        assert probe(RedisCheck, {}, plain.port, 0.3) == Result(False, "no answer: timed out")
    finally:
        plain.daemon.send(signal.SIGCONT)
    assert probe(RedisCheck, {}, plain.port).passing


def test_another_answer_than_pong() -> None:
    with speaking(b"+OK\r\n") as port:
        found = probe(RedisCheck, {}, port, 0.5)
        assert found == Result(False, "answered b'OK' to PING, expected PONG")


def test_a_proxy_that_answers_ping_alone() -> None:
    with speaking(b"+PONG\r\n") as port:
        found = probe(RedisCheck, {}, port, 0.5)
        assert found.passing
        assert found.reason.startswith("PONG, but does not tell its role: ")
        assert not probe(RedisCheck, {"role": "master"}, port, 0.5).passing


def test_no_connection_is_left_behind(plain: Redis) -> None:
    repeated = Probe(RedisCheck, {}, plain.port)
    for _ in range(20):
        assert repeated().passing
    with plain.client() as client:
        eventually(lambda: len(client.client_list()) == 1)


def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    server = Redis()
    try:
        for path in (cert, key):
            server.directory.own(path.rename(server.directory.path / path.name))
        cert, key = server.directory.path / cert.name, server.directory.path / key.name
        tls_port = unused()
        server.start(
            "--tls-port",
            str(tls_port),
            "--tls-cert-file",
            str(cert),
            "--tls-key-file",
            str(key),
            "--tls-auth-clients",
            "no",
        )
        trusted = {"ca_file": str(cert), "server_name": "lighthouse.test"}
        assert probe(RedisCheck, {"tls": trusted}, tls_port).passing
        assert "certificate refused" in probe(RedisCheck, {"tls": True}, tls_port).reason
        assert not probe(RedisCheck, {}, tls_port, 0.5).passing
        assert not probe(RedisCheck, {"tls": True}, server.port, 0.5).passing
    finally:
        server.close()
