"""The postgresql check against a real primary and a real replica."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.check import Result
from lighthouse.ipc.snapshot import CheckSnapshot
from lighthouse.postgresql.check import AGAIN, PostgresqlCheck
from lighthouse.service import Probe as Wanted
from tests.rig import Rig
from tests.software.postgresql_world import Pair, PostgreSQL, pair
from tests.software.probing import Probe, probe
from tests.software.servers import certificate, speaking, unused
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql")

LOGINS = """
create role lighthouse login password 'right';
grant pg_monitor to lighthouse;
create role plain login password 'right';
create database orders;
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with pair() as found:
        with found.primary.connect() as connection:
            for statement in LOGINS.strip().splitlines():
                connection.execute(statement.encode())
        for server in (found.primary, found.replica):
            server.allow(
                "host orders lighthouse 127.0.0.1/32 reject",
                "host all all 127.0.0.1/32 scram-sha-256",
            )
            server.reload()
        replicated = "select 1 from pg_database where datname = 'orders'"
        eventually(lambda: found.replica.ask(replicated) == 1)
        yield found


@pytest.fixture
def login(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "secret"
    path.write_text("right\n")
    return {"password": {"file": str(path)}}


def passing(probed: Probe) -> Result:
    """The first result that passes."""
    result = Result(False)

    def look() -> bool:
        nonlocal result
        result = probed()
        return result.passing

    eventually(look)
    return result


def system_of(server: PostgreSQL) -> str:
    return str(server.ask("select system_identifier from pg_control_system()"))


def test_a_primary(servers: Pair, login: dict[str, Any]) -> None:
    port = servers.primary.port
    facts = {"role": "primary", "timeline": 1, "system": system_of(servers.primary)}
    wanted = Result(True, "primary on timeline 1", facts)
    assert probe(PostgresqlCheck, login, port) == wanted
    assert probe(PostgresqlCheck, {**login, "role": "primary"}, port) == wanted
    other = probe(PostgresqlCheck, {**login, "role": "replica"}, port)
    assert (other.passing, other.reason) == (False, "is a primary, expected a replica")


def test_who_may_not_see_the_system_is_told_the_rest(servers: Pair, login: dict[str, Any]) -> None:
    grant = "execute on function pg_control_system()"
    servers.primary.ask(f"revoke {grant} from public")
    try:
        found = probe(PostgresqlCheck, login, servers.primary.port)
    finally:
        servers.primary.ask(f"grant {grant} to public")
    facts = {"role": "primary", "timeline": 1}
    assert found == Result(True, "primary on timeline 1", facts)


def test_a_replica(servers: Pair, login: dict[str, Any]) -> None:
    config = {**login, "role": "replica", "max_lag": 20, "max_lag_bytes": "16MB"}
    found = passing(Probe(PostgresqlCheck, config, servers.replica.port))
    assert found.reason == "replica on timeline 1, streaming"
    assert found.metadata["role"] == "replica"
    assert found.metadata["system"] == system_of(servers.primary)
    assert found.metadata["streaming"] is True
    assert found.metadata["lag_bytes"] >= 0
    other = probe(PostgresqlCheck, {**login, "role": "primary"}, servers.replica.port)
    assert (other.passing, other.reason) == (False, "is a replica, expected a primary")


def test_a_replica_that_falls_behind(servers: Pair, login: dict[str, Any]) -> None:
    config = {**login, "max_lag_bytes": 0, "max_lag": 1000}
    strict = Probe(PostgresqlCheck, config, servers.replica.port)
    passing(strict)
    servers.replica.ask("select pg_wal_replay_pause()")
    try:
        servers.primary.ask("select pg_logical_emit_message(false, 'x', repeat('x', 3000000))")
        servers.primary.ask("select pg_current_wal_flush_lsn()")
        servers.primary.ask("checkpoint")
        late = eventually(lambda: found if not (found := strict()).passing else None)
        assert "at most 0 bytes are allowed" in late.reason
        eventually(lambda: strict().metadata["lag_bytes"] == 5_000_000)
    finally:
        servers.replica.ask("select pg_wal_replay_resume()")
    assert passing(strict).metadata["lag_bytes"] == 5_000_000, "it falls late"
    assert passing(Probe(PostgresqlCheck, config, servers.replica.port)).metadata["lag_bytes"] == 0


def test_a_replica_that_does_not_stream(servers: Pair, login: dict[str, Any]) -> None:
    replica = servers.replica
    strict = Probe(PostgresqlCheck, {**login, "max_lag": 1000}, replica.port)
    lax = Probe(PostgresqlCheck, login, replica.port)
    passing(strict)
    replica.ask(f"alter system set primary_conninfo = 'host=127.0.0.1 port={unused()}'")
    try:
        replica.reload()
        lost = eventually(lambda: found if not (found := strict()).passing else None)
        assert lost.reason == "the replica does not stream from its primary"
        assert lax().passing
        assert lax().metadata["streaming"] is False
        assert lax().look_again == AGAIN, "it may be promoted at any moment"
    finally:
        replica.ask("alter system reset primary_conninfo")
        replica.reload()
        (replica.data / "postgresql.auto.conf").write_text(
            f"primary_conninfo = 'host=127.0.0.1 port={servers.primary.port} user=postgres'\n"
        )
        replica.reload()
    assert passing(strict).metadata["streaming"] is True
    assert (strict().look_again, lax().look_again) == (None, None)


def test_a_user_who_may_not_see_the_lag(servers: Pair, login: dict[str, Any]) -> None:
    plain = {**login, "user": "plain"}
    seen = probe(PostgresqlCheck, plain, servers.replica.port)
    facts = {"role": "replica", "system": system_of(servers.replica)}
    assert seen == Result(True, "replica; grant pg_monitor to plain to see its lag", facts)
    strict = probe(PostgresqlCheck, {**plain, "max_lag": 5}, servers.replica.port)
    assert (strict.passing, strict.reason) == (
        False,
        "its lag is not visible; grant pg_monitor to plain",
    )


@pytest.mark.parametrize(
    ("secret", "config", "reason"),
    [
        ("wrong", {}, 'no connection: password authentication failed for user "lighthouse"'),
        (None, {}, "no connection: fe_sendauth: no password supplied; give 'password'"),
        ("right", {"dbname": "nope"}, 'no connection: database "nope" does not exist'),
        ("right", {"user": "nobody"}, 'password authentication failed for user "nobody"'),
        ("right", {"dbname": "orders"}, "pg_hba.conf rejects connection"),
        ("right", {"tls": True}, "server does not support SSL, but SSL was required"),
        ("right", {"password": {"env": "LH_NO_SUCH"}}, "no password: the environment has no"),
    ],
)
def test_what_is_wrong_is_said(
    servers: Pair, tmp_path: Path, secret: str | None, config: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{secret}\n")
    given = {} if secret is None else {"password": {"file": str(path)}}
    result = probe(PostgresqlCheck, {**given, **config}, servers.primary.port)
    assert (result.passing, reason in result.reason) == (False, True), result
    assert "127.0.0.1" not in result.reason.replace('host "127.0.0.1"', "")


def test_a_server_that_is_too_old() -> None:
    """All that such a server says until its client is ready to ask."""
    version = b"server_version\x009.6.24\x00"
    status = b"S" + (4 + len(version)).to_bytes(4) + version
    ready = b"R" + (8).to_bytes(4) + bytes(4) + status + b"Z" + (5).to_bytes(4) + b"I"
    with speaking(ready) as port:
        assert probe(PostgresqlCheck, {}, port) == Result(
            False, "PostgreSQL 9.6 is too old, expected 10 or newer"
        )


def test_one_session_is_kept_and_none_is_left(servers: Pair, login: dict[str, Any]) -> None:
    primary = servers.primary
    repeated = Probe(PostgresqlCheck, login, primary.port)
    assert repeated().passing
    pid = primary.ask("select pid from pg_stat_activity where application_name = 'lighthouse'")
    assert repeated().passing
    found = "select array_agg(pid) from pg_stat_activity where application_name = 'lighthouse'"
    assert primary.ask(found) == [pid]
    assert primary.ask("select state from pg_stat_activity where pid = %s", pid) == "idle"
    primary.ask("select pg_terminate_backend(%s)", pid)
    eventually(lambda: primary.sessions() == 0)
    assert repeated().passing, "a session that the server ended is no reason to fail"
    assert primary.sessions() == 1
    del repeated
    eventually(lambda: primary.sessions() == 0, what="the session ends with the instance")


def test_a_probe_that_is_no_longer_wanted_leaves_no_session(
    servers: Pair, login: dict[str, Any], tmp_path: Path
) -> None:
    primary = servers.primary
    probes = [
        Wanted(name, "127.0.0.1", primary.port, login, interval=0.1, timeout=5.0)
        for name in ("a", "b")
    ]
    with Rig(tmp_path, "check", None, plugin="postgresql") as rig:
        rig.deliver(CheckSnapshot(tuple(probes)))
        rig.verdicts(lambda found: all(verdict.passing for verdict in found.values()))
        assert primary.sessions() == 2
        rig.deliver(CheckSnapshot((probes[0],)))
        eventually(lambda: primary.sessions() == 1)
        rig.deliver(CheckSnapshot())
        eventually(lambda: primary.sessions() == 0)
        assert rig.process.poll() is None


def test_a_hanging_server_takes_no_longer_than_the_timeout(
    servers: Pair, login: dict[str, Any]
) -> None:
    primary = servers.primary
    assert primary.daemon is not None
    kept, new = (Probe(PostgresqlCheck, login, primary.port) for _ in range(2))
    assert kept().passing
    backend = primary.ask("select pid from pg_stat_activity where application_name='lighthouse'")
    stopped = [backend, primary.daemon.pid]
    try:
        os.kill(backend, signal.SIGSTOP)
        assert kept(2.0).passing, "a session that hangs is replaced in time"
        os.kill(primary.daemon.pid, signal.SIGSTOP)
        assert new(0.3) == Result(False, "no connection: timed out")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert passing(kept).passing
    del kept, new
    eventually(lambda: primary.sessions() == 0, what="nothing of what timed out is left")


def test_a_full_server_and_one_that_shuts_down(servers: Pair, login: dict[str, Any]) -> None:
    primary = servers.primary
    taken = []
    try:
        for _ in range(17):
            taken.append(primary.connect())
        refused = probe(PostgresqlCheck, login, primary.port)
        assert not refused.passing
        assert "slots" in refused.reason
    finally:
        for connection in taken:
            connection.close()


def test_tls(servers: Pair, login: dict[str, Any], tmp_path: Path) -> None:
    primary: PostgreSQL = servers.primary
    cert, key = certificate(tmp_path)
    for source, name in ((cert, "server.crt"), (key, "server.key")):
        target = primary.data / name
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
        servers.own(target)
    primary.ask("alter system set ssl = on")
    try:
        primary.reload()
        trusted = {**login, "tls": {"ca_file": str(cert), "server_name": "lighthouse.test"}}
        passing(Probe(PostgresqlCheck, trusted, primary.port))
        assert probe(PostgresqlCheck, {**login, "tls": {"verify": False}}, primary.port).passing
        unknown = probe(PostgresqlCheck, {**login, "tls": True}, primary.port)
        assert not unknown.passing
        assert "certificate verify failed" in unknown.reason
        misnamed = probe(PostgresqlCheck, {**login, "tls": {"ca_file": str(cert)}}, primary.port)
        assert "does not match host name" in misnamed.reason
    finally:
        primary.ask("alter system reset ssl")
        primary.reload()
