"""Slots and synchronous standbys of a real PostgreSQL, where they are asked for."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lighthouse.balancer import UNCHANGED
from lighthouse.testing import cluster
from tests.requirements import require
from tests.software.postgresql_hosts import Host, World, world
from tests.software.postgresql_world import embedded
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql")


EIGHTEEN = [pytest.mark.needs("postgresql-18"), pytest.mark.slow]


@pytest.fixture(scope="module", params=[None, pytest.param(embedded, marks=EIGHTEEN)])
def steady(request: pytest.FixtureRequest) -> Iterator[World]:
    """Of the version that Debian has, and of 18."""
    with world(request.param and request.param()) as found:
        yield found


@pytest.fixture(scope="module")
def eighteen() -> Iterator[World]:
    require("postgresql-18")
    with world(embedded()) as found:
        yield found


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has so many seconds pass at once."""
    clock = time.monotonic

    def pass_(seconds: float) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: clock() + seconds)

    return pass_


def test_slots_are_made_used_and_dropped(steady: World, later: Any) -> None:
    n1, n2, n3 = steady.servers
    primary, standby = (Host(server, slots={"manage": True}) for server in (n1, n3))
    n1.ask("select pg_create_physical_replication_slot('backup', true)")
    mine, other = f"lh_n3_{n3.port}", f"lh_n2_{n2.port}"

    def names() -> set[str]:
        return set(n1.ask("select array_agg(slot_name::text) from pg_replication_slots") or [])

    try:
        outcome = primary.sync(steady.said(n1))
        assert (outcome.kind, names()) == ("degraded", {"backup"})
        assert "max_slot_wal_keep_size is -1" in outcome.reason
        n1.ask("alter system set max_slot_wal_keep_size = '64MB'")
        n1.reload()
        eventually(lambda: primary.sync(steady.said(n1)) == UNCHANGED)
        assert names() == {"backup", mine, other}
        assert primary.balancer.status()["slots"] == 2

        standby.sync(steady.said(n1))
        assert "primary_slot_name" not in standby.text, "nobody says that there is one"
        said = steady.probed(slots="lh_")
        told = [node.metadata.get("slots", "") for node in said.nodes if node.port == n1.port]
        assert told == [",".join(sorted((mine, other)))]
        assert standby.sync(said).kind == "applied"
        assert f"primary_slot_name = '{mine}'" in standby.text
        active = "select active from pg_replication_slots where slot_name = %s"
        eventually(lambda: n1.ask(active, mine) and n3.follows(n1))

        alone = cluster("db", *[node for node in said.nodes if node.port == n1.port], config={})
        two = cluster("db", *[node for node in said.nodes if node.port != n2.port], config={})
        no_replica = cluster("db", alone.nodes[0], n2.node(role="unknown"), config={})
        for passed in (3600, 100_000):
            later(passed)
            primary.sync(alone)
            primary.sync(cluster("db", *two.nodes, config={}, stale=True))
            assert names() == {"backup", mine, other}, "a discovery that blinks drops nothing"
        primary.sync(two)
        assert other in names(), "it has been away for no time yet"
        later(300_000)
        primary.sync(two)
        knows_idle = n1.ask("select current_setting('server_version_num')::int >= 170000")
        left = {"backup", mine, other} if knows_idle else {"backup", mine}
        assert names() == left, "from 17 on the server knows that it was in use just now"
        primary.sync(no_replica)
        later(500_000)
        primary.sync(no_replica)
        assert mine in names(), "it is in use"
    finally:
        steady.hosts[2].sync(steady.said(n1))
        for host in (primary, standby):
            host.close()
    assert "primary_slot_name" not in steady.hosts[2].text
    eventually(lambda: n3.follows(n1))


@pytest.mark.slow
def test_a_slot_that_was_invalidated_is_made_anew(steady: World) -> None:
    n1, n2, _ = steady.servers
    primary, name = Host(n1, slots={"manage": True}), f"lh_n2_{n2.port}"
    status = "select wal_status from pg_replication_slots where slot_name = %s"
    n1.ask("alter system set max_slot_wal_keep_size = '1MB'")
    n1.reload()
    try:
        eventually(lambda: primary.sync(steady.said(n1)) == UNCHANGED)
        for _ in range(3):
            n1.ask("select pg_logical_emit_message(true, 'x', 'x')")
            n1.ask("select pg_switch_wal()")
        n1.ask("checkpoint")
        assert n1.ask(status, name) == "lost"
        outcome = primary.sync(steady.said(n1))
        assert outcome.kind == "degraded"
        assert f"slots that were invalidated are made anew: {name}" in outcome.reason
        assert n1.ask(status, name) == "reserved"
        assert primary.sync(steady.said(n1)) == UNCHANGED
    finally:
        primary.close()
        n1.ask("alter system set max_slot_wal_keep_size = '64MB'")
        n1.reload()


def test_standbys_that_commits_wait_for(steady: World) -> None:
    n1, _, n3 = steady.servers
    host = Host(n1, synchronous={"manage": True, "count": 2, "on_too_few": "degrade"})
    shown = "show synchronous_standby_names"
    try:
        assert eventually(lambda: host.sync(steady.said(n1)).kind) == "applied"
        eventually(lambda: host.sync(steady.said(n1)) == UNCHANGED)
        assert n1.ask(shown) == 'ANY 2 ("n2", "n3")'
        n1.ask("create table waited_for (x int)")
        n2 = steady.servers[1]
        stranger = n2.node(role="replica", system="1", timeline=7)
        for said in (
            cluster("db", n1.node(role="primary"), config={}),
            steady.said(n1, stale=True),
            cluster("db", config={}),
            cluster("db", config={}, known=False),
            steady.said(None),
            steady.said(n2),
            cluster("db", *[one.node(role="primary") for one in steady.servers], config={}),
            cluster("db", n1.node(role="replica"), stranger, config={}),
            steady.said(n1),
        ):
            host.sync(said)
            n1.ask("insert into waited_for values (0)")
            assert n1.ask(shown) == 'ANY 2 ("n2", "n3")', "a discovery that blinks weakens nothing"

        n3.stop()
        commit = threading.Thread(target=n1.ask, args=("insert into waited_for values (1)",))
        commit.start()
        waits = "select true from pg_stat_activity where wait_event = 'SyncRep'"
        eventually(lambda: n1.ask(waits))
        begin = time.monotonic()
        outcome = host.sync(steady.said(n1))
        assert (outcome.kind, "1 of the 2 standbys" in outcome.reason) == ("degraded", True)
        commit.join(10)
        assert not commit.is_alive()
        assert time.monotonic() - begin < 5.0, "it was nudged"
        assert n1.ask(shown) == 'ANY 1 ("n2", "n3")'
        n3.start()
        eventually(lambda: host.sync(steady.said(n1)) == UNCHANGED)
        assert n1.ask(shown) == 'ANY 2 ("n2", "n3")'
    finally:
        host.close()
        n1.include_file.unlink(missing_ok=True)
        n1.reload()


def test_commits_never_hang_by_default(steady: World) -> None:
    """Without being asked for nothing waits for standbys, whatever is said of them."""
    n1, *standbys = steady.servers
    host = steady.hosts[0]
    for said in (steady.said(n1), steady.said(None), cluster("db", config={})):
        assert host.sync(said) == UNCHANGED
    for standby in standbys:
        standby.stop()
    try:
        n1.ask("create table waits_for_nobody (x int)")
        assert n1.ask("show synchronous_standby_names") == ""
    finally:
        for standby in standbys:
            standby.start()


@pytest.mark.slow
def test_what_18_tells_of_slots(eighteen: World, later: Any) -> None:
    """A slot that was idle for too long is made anew; one that all others wait for is kept."""
    n1, n2, n3 = eighteen.servers
    primary = Host(n1, slots={"manage": True})
    n1.ask("alter system set max_slot_wal_keep_size = '64MB'")
    n1.reload()
    reason = "select invalidation_reason from pg_replication_slots where slot_name = %s"
    idle, kept = f"lh_n2_{n2.port}", f"lh_n3_{n3.port}"
    try:
        eventually(lambda: primary.sync(eighteen.said(n1)) == UNCHANGED)
        n1.ask("select pg_logical_emit_message(true, 'x', 'x')")
        n1.ask("alter system set idle_replication_slot_timeout = '1s'")
        n1.reload()
        eventually(lambda: n1.ask("checkpoint") or n1.ask(reason, idle) == "idle_timeout", 20)
        outcome = primary.sync(eighteen.said(n1))
        assert outcome.kind == "degraded"
        assert f"slots that were invalidated are made anew: {', '.join((idle, kept))}" in (
            outcome.reason
        )
        assert n1.ask(reason, idle) is None

        n1.ask("alter system set idle_replication_slot_timeout = 0")
        n1.ask(f"alter system set synchronized_standby_slots = '{kept}'")
        n1.reload()
        eventually(lambda: n1.ask("show synchronized_standby_slots") == kept)
        outcome = primary.sync(eighteen.said(n1))
        assert (outcome.kind, kept in outcome.reason) == ("degraded", True), outcome
        alone = cluster("db", *[n1.node(role="primary", timeline=1)], n2.node(), config={})
        n1.ask("select pg_sleep(2)")
        primary.sync(alone)
        later(500_000)
        primary.sync(alone)
        assert n1.ask("select true from pg_replication_slots where slot_name = %s", kept)
    finally:
        primary.close()
