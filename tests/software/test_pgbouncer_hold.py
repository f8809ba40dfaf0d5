"""Clients are held while a primary does not answer, and never for longer than they may be."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.pgbouncer.balancer import PgBouncer
from lighthouse.pgbouncer.holder import CALM
from lighthouse.testing.conformance.balancer_subject import BalancerWorker
from lighthouse.testing.hosted import ForkServer, PluginHost
from tests.software.daemon import Directory, account
from tests.software.pgbouncer_failover import SECTION, BalancerLoop, Writers, driving
from tests.software.pgbouncer_world import (
    PgBouncerWorld,
    orders,
    pgbouncer_world,
    primary,
    replica,
)
from tests.software.postgresql_world import PostgreSQL
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql", "pgbouncer")

OTHER = "127.0.0.9:5432"


class HoldWorld:
    """A primary that can be stopped and started, behind a PgBouncer."""

    def __init__(self, server: PostgreSQL, bouncer: PgBouncerWorld) -> None:
        self.server, self.bouncer = server, bouncer
        self.place = f"127.0.0.1:{server.port}"
        self.alive = orders(primary(self.place, 1), replica(OTHER, 1), section=SECTION)
        self.lost = orders(replica(OTHER, 1), section=SECTION)

    def balancer(self, most: float = 60) -> PgBouncer:
        return self.bouncer.balancer(hold={"enabled": True, "max": most})

    def held(self, driver: BalancerLoop) -> None:
        """The primary is gone, and clients are held."""
        assert driver.synced(self.alive).kind in ("applied", "unchanged")
        self.server.stop()
        driver.tell(self.lost)
        eventually(lambda: driver.held == "orders" and self.bouncer.paused() == ["orders"])

    def quiet(self, driver: BalancerLoop, wrong: Cluster, within: float = 0.8) -> None:
        """Nobody is held, for longer than it takes to hold."""
        driver.synced(wrong)
        end = time.monotonic() + within
        while time.monotonic() < end:
            assert not self.bouncer.paused()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def shared() -> Iterator[HoldWorld]:
    directory = Directory(account("postgres"))
    server = PostgreSQL(directory, "primary")
    try:
        server.create()
        with pgbouncer_world() as bouncer:
            yield HoldWorld(server.start(), bouncer)
    finally:
        server.stop()
        directory.close()


@pytest.fixture
def world(shared: HoldWorld) -> Iterator[HoldWorld]:
    """With nobody paused, and the primary up."""
    yield shared
    if shared.server.daemon is None:
        shared.server.start()
    for name in shared.bouncer.paused():
        shared.bouncer.ask(f"RESUME {name}")


def test_the_old_primary_answers_again(world: HoldWorld) -> None:
    with driving(world.balancer()) as driver:
        world.held(driver)
        world.server.start()
        driver.tell(world.alive)
        eventually(lambda: not world.bouncer.paused())
        with world.bouncer.connect("orders") as client:
            assert client.execute(b"select 1").fetchone() == (1,)


def test_the_time_of_a_hold_is_over(world: HoldWorld) -> None:
    with driving(world.balancer(most=1)) as driver:
        world.held(driver)
        began = time.monotonic()
        eventually(lambda: not world.bouncer.paused())
        assert time.monotonic() - began < 10
        world.quiet(driver, world.lost)


def test_what_is_not_certain_begins_no_hold(world: HoldWorld) -> None:
    with driving(world.balancer()) as driver:
        assert driver.synced(world.alive).kind in ("applied", "unchanged")
        world.quiet(driver, world.lost)  # it answers, whatever the snapshot says
        world.server.stop()
        for wrong in (
            orders(section=SECTION),
            orders(known=False, section=SECTION),
            orders(replica(OTHER, 1), stale=True, section=SECTION),
        ):
            world.quiet(driver, wrong)


def test_a_hold_begins_though_discovery_has_not_noticed(world: HoldWorld) -> None:
    """PgBouncer has lost its connections, and the primary does not answer."""
    with driving(world.balancer()) as driver:
        assert driver.synced(world.alive).kind in ("applied", "unchanged")
        with Writers(lambda: world.bouncer.connect("orders"), 2, b"select 1") as clients:
            began = time.monotonic()
            eventually(lambda: time.monotonic() > began + 3 * CALM)
            world.server.stop()
            eventually(lambda: driver.held == "orders")
            world.server.start()
            eventually(lambda: not world.bouncer.paused())
            clients.first_after(time.monotonic(), 1)


def test_an_operators_pause_is_left_alone(world: HoldWorld) -> None:
    with driving(world.balancer(most=1)) as driver:
        driver.synced(world.alive)
        world.bouncer.ask("PAUSE orders")
        world.server.stop()
        driver.synced(world.lost)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert (world.bouncer.paused(), driver.held) == (["orders"], "")
            time.sleep(0.05)
    world.balancer().sync_file([world.lost])
    assert world.bouncer.paused() == ["orders"]


@pytest.mark.slow
def test_a_pause_that_does_not_come_through_is_given_up(world: HoldWorld) -> None:
    """A transaction that is open on a server that answers nobody else: others go on."""
    with driving(world.balancer()) as driver:
        driver.synced(world.alive)
        with world.bouncer.connect("orders") as client, client.transaction():
            client.execute(b"select 1")
            assert world.server.daemon is not None
            world.server.daemon.process.send_signal(signal.SIGSTOP)
            try:
                driver.tell(world.lost)
                eventually(lambda: world.bouncer.paused() == ["orders"])
                eventually(lambda: not world.bouncer.paused())
                assert client.execute(b"select 2").fetchone() == (2,)
                world.quiet(driver, world.lost)
            finally:
                world.server.daemon.process.send_signal(signal.SIGCONT)


def test_close_lets_everybody_go(world: HoldWorld) -> None:
    driver = BalancerLoop(world.balancer())
    world.held(driver)
    driver.close()
    assert not world.bouncer.paused()


def test_a_worker_that_is_killed_in_a_hold_leaves_nobody_paused(world: HoldWorld) -> None:
    server = ForkServer("balancer", "pgbouncer")
    host = PluginHost(server)
    config: dict[str, Any] = {**world.bouncer.settings, "hold": {"enabled": True}}
    try:
        worker = BalancerWorker(host.worker(), 20)
        worker.succeed(config, world.alive)
        world.server.stop()
        worker.said(config, world.lost)
        eventually(lambda: world.bouncer.paused() == ["orders"])
        worker.worker.close()
        assert world.bouncer.paused() == ["orders"]
        config["hold"] = {"enabled": False}
        assert BalancerWorker(host.worker(), 20).said(config, world.lost).kind == "degraded"
        assert not world.bouncer.paused()
        assert not [*world.bouncer.place.glob(".*.hold")]
    finally:
        host.close()
        server.close()
