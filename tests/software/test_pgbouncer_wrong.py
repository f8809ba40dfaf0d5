"""Wrong snapshots and sudden deaths: nobody is led astray, and no pool is left paused."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.pgbouncer.balancer import PgBouncer
from lighthouse.pgbouncer.console import AdminConsole
from lighthouse.testing.conformance.balancer_subject import BalancerWorker
from lighthouse.testing.hosted import ForkServer, PluginHost
from lighthouse.testing.strace import KillPoint, places, require_strace, traced
from tests.software.pgbouncer_failover import driving, failover_world
from tests.software.pgbouncer_world import (
    PgBouncerWorld,
    databases,
    orders,
    pgbouncer_world,
    primary,
    replica,
)
from tests.waiting import eventually

pytestmark = pytest.mark.needs("pgbouncer")

DEAD, NEW = "127.0.0.9:5432", "127.0.0.8:5432"
"""Places where no server listens."""

ALIVE = orders(primary(DEAD, 1, system="a"), replica(NEW, 1, system="a"))
LOST = orders(replica(NEW, 1, system="a"))
MOVED = orders(primary(NEW, 2, system="a"))


@pytest.fixture(scope="module")
def bouncer() -> Iterator[PgBouncerWorld]:
    with pgbouncer_world() as found:
        yield found


@pytest.mark.needs("postgresql")
def test_nothing_wrong_leads_clients_astray_or_pauses_them() -> None:
    """Each ten times a second, while clients write."""
    with failover_world(hold=True) as world, world.writers(2) as writers:
        old, new = world.at(world.old), world.at(world.new)

        def said(*nodes: Any, **options: Any) -> Cluster:
            return world.listed(*nodes, **options)

        right = said(primary(old, 2, system="a"), replica(new, 2, system="a"))
        wrong = [
            said(primary(old, 2, system="a"), primary(new, 2, system="a")),
            said(replica(old, 2, system="a"), replica(new, 2, system="a")),
            said(),
            said(known=False),
            said(primary(new, 1, system="a"), replica(old, 1, system="a")),
            said(primary(new, 1, system="a"), stale=True),
            said(primary(new, 9, system="b"), replica(old, 9, system="b")),
            said(primary(new, 9, system="b")),
            said(primary(new)),
        ]
        assert world.driver.synced(right).kind in ("applied", "unchanged")
        reloads = world.driver.balancer.status()["reloads"]
        for each in (*wrong, right, wrong[0]):
            before = time.monotonic()
            kind = world.driver.synced(each).kind
            assert kind == ("unchanged" if each is right else "degraded"), each
            assert (world.bouncer.led()["orders"][1], world.bouncer.paused()) == (
                world.old.port,
                [],
            )
            eventually(lambda before=before: time.monotonic() > before + 0.1)
        assert world.driver.synced(right).kind == "unchanged"
        assert writers.errors == []
        assert world.driver.balancer.status()["reloads"] == reloads


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_roles_that_flap_ten_times_a_second() -> None:
    """One RELOAD a second; clients are told by the servers, and go on once it is over."""
    with failover_world(hold=True) as world, world.writers(4) as writers:
        old, new = world.at(world.old), world.at(world.new)
        world.driver.balancer.apply_config(
            {**world.bouncer.settings, "min_interval": 1, "hold": {"enabled": True}}
        )
        right = world.listed(primary(old, 1), replica(new, 1))
        both = (right, world.listed(replica(old, 1), primary(new, 1)), world.listed())
        begin = time.monotonic()
        for number in itertools.count():
            world.driver.tell(both[number % 3])
            assert world.bouncer.paused() == []
            eventually(lambda at=begin + 0.1 * number: time.monotonic() > at)
            if time.monotonic() > begin + 5:
                break
        world.driver.tell(right)
        eventually(lambda: world.bouncer.led()["orders"][1] == world.old.port)
        assert world.driver.balancer.status()["reloads"] <= 8
        writers.first_after(time.monotonic() + 1, world.old.port)
        assert {port for _, port in writers.commits} == {world.old.port}
        assert all("read-only" in text for _, text in writers.errors), writers.errors[-1]


def test_a_replica_of_another_database_never_serves(bouncer: PgBouncerWorld) -> None:
    section = databases(orders={"role": "primary"}, ro={"role": "replica"})
    made = bouncer.balancer()
    try:
        right = (primary(DEAD, 1, system="a"), replica("127.0.0.7:5432", 1, system="a"))
        assert made.sync_file([orders(*right, section=section)]).kind == "applied"
        foreign = replica(NEW, 1, system="b")
        said = made.sync_file([orders(*right, foreign, section=section)])
        assert (said.kind, bouncer.led()["ro"][0]) == ("degraded", "127.0.0.7")
        assert "belong to another database" in said.reason
        assert "lighthouse restart" in said.reason
        made.close()
        with contextlib.closing(bouncer.balancer()) as again:
            said = again.sync_file([orders(primary(NEW, 1, system="b"), section=section)])
            assert bouncer.led()["orders"][0] == "127.0.0.8", "a clean end forgets"
    finally:
        made.close()


def hold(most: float = 60) -> dict[str, Any]:
    return {"hold": {"enabled": True, "max": most}}


def free(bouncer: PgBouncerWorld) -> None:
    """Nobody is paused, and no hold is noted."""
    assert bouncer.paused() == []
    assert [*bouncer.place.glob(".*.hold")] == []


def test_a_hold_ends_with_the_section_or_the_file_it_was_for(
    bouncer: PgBouncerWorld, tmp_path: Path
) -> None:
    other = {**bouncer.settings, "include_file": str(tmp_path / "other.ini")}
    ends: list[Callable[[PgBouncer], Any]] = [
        lambda balancer: balancer.sync_file([]),
        lambda balancer: balancer.apply_config(other),
        lambda balancer: balancer.apply_config({**bouncer.settings, **hold(50)}),
    ]
    for end in ends:
        held = bouncer.balancer(**hold())
        held.sync_file([ALIVE])
        held.sync_file([LOST])
        eventually(lambda held=held: held.wake() is None and bouncer.paused() == ["orders"])
        end(held)
        free(bouncer)
        held.close()


@pytest.mark.slow
def test_a_pause_that_comes_through_after_it_was_given_up(
    bouncer: PgBouncerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PgBouncer hangs just when it is told to pause, and obeys when it is back."""
    real = AdminConsole.pause

    def hanging(console: AdminConsole, *words: Any) -> None:
        bouncer.freeze()
        real(console, *words)

    with driving(bouncer.balancer(**hold(), timeout=1)) as driver:
        driver.synced(ALIVE)
        monkeypatch.setattr(AdminConsole, "pause", hanging)
        try:
            driver.tell(LOST)
            began = time.monotonic()
            eventually(lambda: time.monotonic() > began + 6)
        finally:
            monkeypatch.setattr(AdminConsole, "pause", real)
            bouncer.thaw()
        eventually(lambda: bouncer.paused() == [] and not driver.held)
        for _ in range(20):
            assert bouncer.paused() == []
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("ending", [False, True], ids=["begin", "end"])
def test_killed_at_any_system_call_of_a_hold_nobody_stays_paused(
    bouncer: PgBouncerWorld, ending: bool
) -> None:
    """Whoever comes next lets go what it finds, and leads to where the snapshot says."""
    require_strace()
    server = ForkServer("balancer", "pgbouncer")
    host = PluginHost(server)
    config: dict[str, Any] = {**bouncer.settings, **hold()}
    calm = {**config, "hold": {"enabled": False}}

    def held() -> BalancerWorker:
        worker = BalancerWorker(host.worker(), 20)
        worker.said(config, ALIVE)
        if ending:
            worker.said(config, LOST)
            eventually(lambda: bouncer.paused() == ["orders"])
        return worker

    def begin(worker: BalancerWorker) -> None:
        worker.begin(config, MOVED if ending else LOST)
        eventually(lambda: worker.worker.ended or (bouncer.paused() == []) is ending)

    def killed_at(place: KillPoint) -> bool:
        worker = held()
        with traced(worker.worker.pid, "-e", place):
            begin(worker)
            worker.outcome()
        ended = worker.worker.ended
        worker.worker.close()
        after = BalancerWorker(host.worker(), 20)
        after.said(calm, MOVED if ending else LOST)
        assert bouncer.paused() == [], place
        assert bouncer.led()["orders"][0] == ("127.0.0.8" if ending else "127.0.0.9")
        free(bouncer)
        (bouncer.place / f".{bouncer.file.name}.timelines").unlink()
        return ended

    try:
        worker = held()
        with traced(worker.worker.pid) as report:
            begin(worker)
            worker.outcome()
            calls = report.read_text()
        worker.worker.close()
        BalancerWorker(host.worker(), 20).said(calm, ALIVE)
        free(bouncer)
        points = places(calls, 24)
        assert sum(killed_at(place) for place in points) > len(points) // 2
    finally:
        host.close()
        server.close()
