"""Standbys of a real PostgreSQL follow the primary, whatever the cluster is said to be."""

import itertools
import time
from collections.abc import Iterator

import pytest

from lighthouse.balancer import UNCHANGED
from lighthouse.postgresql.receiver import ReceiverLook, ReceiverLooks
from lighthouse.testing import cluster
from tests.software.postgresql_hosts import Host, World, world
from tests.software.postgresql_world import PostgreSQL
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture(scope="module")
def steady() -> Iterator[World]:
    """A world in which nobody is promoted or killed."""
    with world() as found:
        yield found


def test_a_primary_is_left_alone(steady: World) -> None:
    host = steady.hosts[0]
    for primary in (*steady.servers, None):
        assert host.sync(steady.said(primary)) == UNCHANGED
    assert host.text == ""
    assert host.balancer.status()["role"] == "primary"


def test_nothing_wrong_moves_a_standby(steady: World) -> None:
    """Two primaries, none, itself, stale, unknown, empty, another database: each with words."""
    n1, n2, n3 = steady.servers
    host = steady.hosts[2]
    assert host.sync(steady.said(n1)).kind in ("unchanged", "applied")
    before, mark = host.text, host.server.include_file.stat().st_mtime_ns
    two = [server.node(role="primary", timeline=1) for server in (n1, n2)]
    other = n2.node(role="primary", timeline=9, system="1")
    for said, words in (
        (cluster("db", *two, config={}), "none is followed until one stops"),
        (steady.said(None), "no other member of db says that it is the primary"),
        (steady.said(n3), "names this server as the primary"),
        (steady.said(n2, stale=True), "the last known"),
        (cluster("db", config={}, known=False), "nobody knows yet"),
        (cluster("db", config={}), "db has no members"),
        (cluster("db", other, config={}), "belong to another database"),
        (cluster("db"), "no cluster has a section"),
        (steady.said(n2, timeline=0), "not followed; make a replica of it or stop it"),
    ):
        outcome = host.sync(said)
        assert (outcome.kind, words in outcome.reason) == ("degraded", True), outcome
    assert (host.text, host.server.include_file.stat().st_mtime_ns) == (before, mark)
    assert host.server.follows(n1)
    assert host.sync(steady.said(n1)) == UNCHANGED


def test_swapped_addresses_are_got_over(steady: World) -> None:
    """A standby that is called primary is followed, in vain at worst, and left again."""
    n1, n2, _ = steady.servers
    host = steady.hosts[2]
    assert host.sync(steady.said(n2)).kind == "applied"
    assert host.sync(steady.said(n1)).kind == "applied"
    eventually(lambda: host.server.follows(n1))
    steady.servers[0].ask("create table if not exists swapped (x int)")
    eventually(lambda: host.server.ask("select to_regclass('swapped') is not null"))


def test_roles_that_flap_cost_one_reload_a_second(steady: World) -> None:
    n1, n2, n3 = steady.servers
    host = Host(n3, min_interval=1)
    try:
        begin = time.monotonic()
        primaries = itertools.cycle((n2, n1))
        kinds = []
        while time.monotonic() < begin + 1.5:
            kinds.append(host.sync(steady.said(next(primaries))).kind)
            time.sleep(0.1)
        assert kinds.count("applied") in (1, 2), kinds
        assert "held" in kinds
        host.sync(steady.said(n1))
        eventually(lambda: host.balancer.wake() is None and n3.follows(n1))
    finally:
        host.close()


def test_what_somebody_wrote_into_the_file_is_put_right(steady: World) -> None:
    n1, _, n3 = steady.servers
    host = steady.hosts[2]
    host.sync(steady.said(n1))
    good = host.text
    n3.include_file.write_text("primary_conninfo = 'unclosed\n")
    outcome = host.balancer.wake()
    assert outcome is None or outcome.kind == "applied", outcome
    assert host.text == good
    n3.include_file.unlink()
    assert host.sync(steady.said(n1)).kind == "applied"
    assert host.text == good


def test_a_broken_file_of_others_is_named_and_nothing_is_left(steady: World) -> None:
    n1, n2, n3 = steady.servers
    host = steady.hosts[2]
    host.sync(steady.said(n1))
    before, main = host.text, n3.data / "postgresql.conf"
    content = main.read_text()
    main.write_text(content + "no such line\n")
    try:
        outcome = host.sync(steady.said(n2))
        assert outcome.kind == "failed"
        assert f"{main}:{content.count(chr(10)) + 1}: syntax error" in outcome.reason
        assert host.text == before
        assert host.balancer.wake() is None, "the same is not tried again at once"
    finally:
        main.write_text(content)
    assert host.sync(steady.said(n1)) == UNCHANGED


def test_a_file_that_is_not_included(steady: World) -> None:
    n1, _, n3 = steady.servers
    host = Host(n3, include_file=str(n3.data / "elsewhere.conf"))
    try:
        outcome = host.sync(steady.said(n1))
        assert outcome.kind == "failed"
        assert "PostgreSQL does not include" in outcome.reason
        assert "add `include_if_exists" in outcome.reason
        assert not (n3.data / "elsewhere.conf").exists()
    finally:
        host.close()


def test_alter_system_wins_and_is_not_fought(steady: World) -> None:
    n1, n2, n3 = steady.servers
    host = steady.hosts[2]
    n3.ask(f"alter system set primary_conninfo = 'host=127.0.0.1 port={n1.port} user=postgres'")
    try:
        n3.reload()
        told = [finding.message for finding in host.balancer.examine([steady.said(n1)])]
        assert "run `ALTER SYSTEM RESET primary_conninfo`" in told[0]
        for said in (steady.said(n2), steady.said(n1)):
            outcome = host.sync(said)
            assert outcome.kind == "failed"
            assert "run `ALTER SYSTEM RESET primary_conninfo`" in outcome.reason
        assert n3.ask("select count(*) from pg_file_settings where sourcefile like '%auto.conf'")
    finally:
        n3.ask("alter system reset primary_conninfo")
        n3.reload()
    eventually(lambda: host.sync(steady.said(n1)) == UNCHANGED)


def test_a_conninfo_that_would_be_cut_off(steady: World) -> None:
    n1, _, n3 = steady.servers
    host = Host(n3, replication={"user": "postgres", "extra": {"passfile": "/" + "x" * 950}})
    try:
        before = host.text
        outcome = host.sync(steady.said(n1))
        assert (outcome.kind, "cuts off all beyond 1023" in outcome.reason) == ("failed", True)
        assert host.text == before
    finally:
        host.close()


def test_missing_rights_are_told_as_statements_to_copy(steady: World) -> None:
    n1, _, n3 = steady.servers
    n1.ask("create role modest login")
    for server in (n1, n3):
        server.allow("host all modest 127.0.0.1/32 trust")
        server.reload()
    eventually(lambda: n3.ask("select true from pg_roles where rolname = 'modest'"))
    host = Host(n3, conninfo=f"host=127.0.0.1 port={n3.port} user=modest dbname=postgres")
    try:
        outcome = host.sync(steady.said(n1))
        assert outcome.kind == "failed"
        statements = outcome.reason.partition("in this database: ")[2].split("; ")
        assert len(statements) == 4
        for statement in statements:
            n1.ask(statement)
        eventually(lambda: host.sync(steady.said(n1)) == UNCHANGED)
    finally:
        host.close()


def test_an_ha_manager_is_left_in_charge(steady: World) -> None:
    n1, n2, n3 = steady.servers
    host = steady.hosts[2]
    before = host.text
    trace = n3.data / "patroni.dynamic.json"
    trace.touch()
    try:
        outcome = host.sync(steady.said(n2))
        assert outcome.kind == "failed"
        assert "Patroni owns the replication settings of this server" in outcome.reason
        assert host.text == before
    finally:
        trace.unlink()
    assert host.sync(steady.said(n1)) == UNCHANGED


def test_nobody_there_to_ask(steady: World) -> None:
    host = Host(steady.servers[2], conninfo="host=127.0.0.1 port=1 user=postgres")
    try:
        outcome = host.sync(steady.said(steady.servers[0]))
        assert (outcome.kind, "lets nobody in" in outcome.reason) == ("failed", True)
        assert [finding.warning for finding in host.balancer.examine([])] == [True, True]
    finally:
        host.close()


def test_a_failover_and_the_return_of_the_old_primary() -> None:
    """What the check publishes is what the standbys go by, from the kill to the return."""
    with world() as found:
        n1, n2, n3 = found.servers
        host = found.hosts[2]
        n1.kill()
        n2.promote()
        begin = time.monotonic()
        assert host.sync(found.probed()).kind == "applied"
        eventually(lambda: n3.follows(n2), within=5.0)
        assert time.monotonic() - begin < 1.0, "from the promotion on"
        n2.ask("create table after_it (x int)")
        eventually(lambda: n3.ask("select to_regclass('after_it') is not null"))
        reloads = host.balancer.status()["reloads"]

        eventually(lambda: _starts(n1), within=30.0)
        n1.ask("create table lost_to_the_others (x int)")
        returned = found.probed()
        claiming = [one.host for one in returned.nodes if one.metadata["role"] == "primary"]
        assert claiming == ["n1", "n2"], "both call themselves primary"
        outcome = host.sync(returned)
        assert "n1:" in outcome.reason
        assert "timeline 2 has begun elsewhere: not followed" in outcome.reason
        assert n3.follows(n2)
        old = found.hosts[0].sync(returned)
        assert "this server is a primary on timeline 1, but timeline 2 has begun" in old.reason
        assert (found.hosts[0].text, n1.ask("select pg_is_in_recovery()")) == ("", False)
        alone = cluster("db", returned.nodes[claiming.index("n1")], config={})
        assert host.sync(alone).kind == "degraded"
        assert (n3.follows(n2), host.balancer.status()["reloads"]) == (True, reloads)

        _as_standby(n1)
        found.hosts[0].sync(found.probed())
        assert _judged(n1) == "diverged", "it has written after the other's timeline began"


def _starts(server: PostgreSQL) -> bool:
    """Return True once it is up: what a killed server has left ends a moment later."""
    try:
        server.start()
    except RuntimeError as error:
        raise OSError("not yet") from error
    return True


def _as_standby(server: PostgreSQL) -> None:
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()


def _judged(server: PostgreSQL) -> str:
    """What looks show at once that the plugin takes a second apart."""
    looks, clock = ReceiverLooks(), itertools.count()
    query = (
        "select coalesce(r.pid, 0), coalesce(r.status, ''), pg_last_wal_replay_lsn()::text "
        "from (select 1) as one left join pg_stat_wal_receiver r on true"
    )

    def look() -> str | None:
        with server.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        judged = looks.take(ReceiverLook(*row), float(next(clock)))
        return judged if judged not in ("unsettled", "unreachable") else None

    return str(eventually(look))
