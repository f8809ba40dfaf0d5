"""The pgbouncer balancer with a real PgBouncer: what it writes, loads, reads back and refuses."""

from collections.abc import Iterator
from typing import Any

import pytest

from lighthouse.pgbouncer.include import parse
from lighthouse.testing.values import cluster
from tests.software.pgbouncer_world import (
    PgBouncerWorld,
    databases,
    orders,
    pgbouncer_world,
    primary,
    replica,
)

A, B, C = "10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.3:5432"


@pytest.fixture(scope="module")
def shared() -> Iterator[PgBouncerWorld]:
    with pgbouncer_world() as world:
        yield world


@pytest.fixture
def world(shared: PgBouncerWorld) -> PgBouncerWorld:
    """The PgBouncer of this module, as it was at its start."""
    for path in (shared.file, *shared.place.glob(".databases.ini.*")):
        path.unlink(missing_ok=True)
    shared.file.touch()
    shared.configure()
    if shared.paused():
        shared.ask("RESUME")
    shared.ask("RELOAD")
    return shared


def findings(outcome: Any) -> str:
    return "\n".join(finding.message for finding in outcome.findings)


def test_databases_lead_to_primary_and_replicas(world: PgBouncerWorld) -> None:
    section = databases(
        orders={"role": "primary", "options": {"pool_size": 40, "connect_query": "select 'a b'"}},
        orders_ro={"role": "replica", "dbname": "or'ders"},
    )
    nodes = (replica(C, 3), primary(A, 3), replica("[fd00::1]:5432", 3))
    balancer = world.balancer()
    assert balancer.sync_file([orders(*nodes, section=section)]).kind == "applied"
    assert world.led() == {"orders": ("10.0.0.1", 5432), "orders_ro": ("10.0.0.3,fd00::1", 5432)}
    assert balancer.sync_file([orders(*nodes, section=section)]).kind == "unchanged"
    assert world.balancer().sync_file([orders(*nodes, section=section)]).kind == "unchanged"
    shown = {row["name"]: row for row in world.ask("SHOW DATABASES")}
    assert (shown["orders"]["pool_size"], shown["orders_ro"]["database"]) == (40, "or'ders")


def test_a_replica_beyond_the_limit_does_not_serve(world: PgBouncerWorld) -> None:
    limits = {"role": "replica", "max_lag_bytes": "16MB"}
    lagging = replica(C, 3, lag_bytes=50_000_000)
    balancer = world.balancer()
    for nodes, led, told in (
        ((replica(B, 3, lag_bytes=0), lagging), "10.0.0.2", ""),
        ((lagging,), "10.0.0.1", "the primary serves instead"),
        ((replica(B, 3),), "10.0.0.1", "has an unknown lag"),
        ((replica(B, 2, lag_bytes=0),), "10.0.0.1", "is still on timeline 2"),
    ):
        section = databases(ro=limits)
        outcome = balancer.sync_file([orders(primary(A, 3), *nodes, section=section)])
        assert (world.led()["ro"][0], outcome.kind) == (led, "degraded" if told else "applied")
        assert told in outcome.reason


def test_without_a_fit_replica_the_section_says_what_to_do(world: PgBouncerWorld) -> None:
    balancer = world.balancer()
    names = ("primary", "keep", "none")
    section = databases(**{name: {"role": "replica", "fallback": name} for name in names})
    balancer.sync_file([orders(primary(A, 3), replica(B, 3), section=section)])
    balancer.sync_file([orders(primary(A, 3), section=section)])
    assert world.led() == {"primary": ("10.0.0.1", 5432), "keep": ("10.0.0.2", 5432)}


def test_a_cluster_without_nodes_or_primary_changes_nothing(world: PgBouncerWorld) -> None:
    section = databases(orders={}, ro={"role": "replica", "fallback": "none"})
    balancer = world.balancer()
    balancer.sync_file([orders(primary(A, 3), replica(B, 3), section=section)])
    before, led = world.file.read_bytes(), world.led()
    for wrong in (
        orders(section=section),
        orders(known=False, section=section),
        orders(replica(B, 3), section=section),
        orders(primary(A, 3), primary(B, 3), replica(B, 3), section=section),
    ):
        for made in (balancer, world.balancer()):
            outcome = made.sync_file([wrong])
            assert (outcome.kind, world.file.read_bytes()) == ("degraded", before)
            assert "stays at 10.0.0.1" in outcome.reason
    assert balancer.sync_file([]).kind == "held"
    assert (world.file.read_bytes(), world.led()) == (before, led)


def test_an_old_primary_that_returns_is_not_followed(world: PgBouncerWorld) -> None:
    balancer = world.balancer()
    balancer.sync_file([orders(primary(A, 3))])
    balancer.sync_file([orders(primary(B, 4))])
    for made in (balancer, world.balancer()):
        for nodes in ((primary(A, 3), primary(B, 4)), (primary(A, 3),), (primary(A),)):
            outcome = made.sync_file([orders(*nodes)])
            assert (world.led()["orders"][0], outcome.kind) == ("10.0.0.2", "degraded")
            assert "10.0.0.1:5432" in outcome.reason
    balancer.close()
    assert world.balancer().sync_file([orders(primary(A, 3))]).kind == "applied"


def test_one_port_serves_and_the_others_are_told(world: PgBouncerWorld) -> None:
    nodes = (replica(B), replica(C), replica("10.0.0.9:6000"))
    section = databases(ro={"role": "replica"})
    outcome = world.balancer().sync_file([orders(*nodes, section=section)])
    assert world.led() == {"ro": ("10.0.0.2,10.0.0.3", 5432)}
    assert (outcome.kind, "10.0.0.9:6000 left out" in outcome.reason) == ("degraded", True)


def test_a_line_that_is_refused_costs_its_database_only(world: PgBouncerWorld) -> None:
    """``load_balance_hosts`` came with 1.24; an older one stops reading at that line."""
    good = {"options": {"pool_size": 5}}
    wrong = {"options": {"load_balance_hosts": "disable"}}
    balancer = world.balancer()
    balancer.sync_file([orders(primary(A, 3), section=databases(aa=good, zz={}))])
    section = databases(aa=wrong, bb=wrong, zz={})
    for made in (balancer, balancer, world.balancer()):
        outcome = made.sync_file([orders(primary(B, 4), section=section)])
        if "bb" in world.led():
            pytest.skip("this PgBouncer knows load_balance_hosts")
        assert world.led() == {"aa": ("10.0.0.2", 5432), "zz": ("10.0.0.2", 5432)}
        assert outcome.kind == "degraded"
        assert [one.path for one in outcome.findings if not one.warning] == [
            ("databases", "aa", "options"),
            ("databases", "bb", "options"),
        ]
        assert parse(world.file.read_bytes())["aa"].options == (("pool_size", "5"),)
    assert balancer.sync_file([orders(primary(B, 4), section=databases(aa=good, zz={}))]).kind in (
        "applied",
        "unchanged",
    )


def test_two_clusters_with_one_database(world: PgBouncerWorld) -> None:
    section = databases(orders={})
    first = cluster("a", primary(A), config=section)
    outcome = world.balancer().sync_file([first, cluster("b", primary(B), config=section)])
    assert (world.led()["orders"][0], outcome.kind) == ("10.0.0.1", "degraded")
    assert "a database of the cluster a already" in findings(outcome)


def test_what_somebody_else_changes_is_put_right(world: PgBouncerWorld) -> None:
    balancer = world.balancer()
    balancer.sync_file([orders(primary(A))])
    good = world.file.read_bytes()
    world.file.write_text("orders = host=10.9.9.9 port=1\n")
    world.ask("RELOAD")
    outcome = balancer.wake()
    assert outcome is not None
    assert (outcome.kind, world.led()["orders"][0]) == ("applied", "10.0.0.1")
    world.file.write_text("orders = host=10.9.9.9 port=1\n")
    world.ask("RELOAD")
    world.file.write_bytes(good)
    assert balancer.sync_file([orders(primary(A))]).kind == "applied"
    assert world.led()["orders"] == ("10.0.0.1", 5432)


def test_settings_of_pgbouncer_that_spoil_a_failover_are_told(world: PgBouncerWorld) -> None:
    world.configure(retry=15, include=False, more="query_wait_timeout = 30")
    world.ask("RELOAD")
    hold = {"enabled": True, "max": 30}
    told = "\n".join(one.message for one in world.balancer(hold=hold).examine([]))
    assert "server_login_retry of PgBouncer is 15 s" in told
    assert "keep hold.max below it" in told
    assert "does not include" in told


def test_a_file_that_is_not_included(world: PgBouncerWorld) -> None:
    world.configure(include=False)
    world.ask("RELOAD")
    balancer = world.balancer()
    outcome = balancer.sync_file([orders(primary(A))])
    assert (outcome.kind, "add `%include" in outcome.reason) == ("failed", True)
    world.configure()
    assert balancer.sync_file([orders(primary(A))]).kind == "applied"
    assert world.led()["orders"] == ("10.0.0.1", 5432)


def test_a_console_that_is_away_or_hangs_costs_only_time() -> None:
    with pgbouncer_world() as world:
        balancer = world.balancer(timeout=0.3)
        balancer.sync_file([orders(primary(A))])
        world.freeze()
        hung = balancer.sync_file([orders(primary(B))])
        world.thaw()
        assert (hung.kind, "timed out" in hung.reason) == ("failed", True)
        world.stop()
        away = balancer.sync_file([orders(primary(C))])
        assert (away.kind, "is PgBouncer running" in away.reason) == ("failed", True)
        assert b"host=10.0.0.3" in world.file.read_bytes()
        world.start()
        assert world.led()["orders"] == ("10.0.0.3", 5432)
        assert balancer.sync_file([orders(primary(C))]).kind == "applied"


def test_who_may_not_administer_is_told_so() -> None:
    with pgbouncer_world() as world:
        users = world.place / "users.txt"
        users.write_text('"lighthouse" "a secret password"\n')
        secret = world.place / "secret"
        world.configure(admin="somebody", auth="plain", more="stats_users = lighthouse")
        world.stop()
        secret.write_text("a secret password\n")
        balancer = world.balancer(password={"file": str(secret)})
        world.start()
        outcome = balancer.sync_file([orders(primary(A))])
        assert outcome.kind == "failed"
        assert "admin_users" in outcome.reason
        assert "admin_users" in findings(outcome)
        secret.write_text("another password\n")
        outcome = world.balancer(password={"file": str(secret)}).sync_file([orders(primary(A))])
        assert (outcome.kind, "password" in outcome.reason) == ("failed", True)
        assert "another" not in outcome.reason
