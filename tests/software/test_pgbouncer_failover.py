"""A primary is lost or moved while an application writes through PgBouncer."""

import pytest

from tests.software.pgbouncer_failover import failover_world
from tests.software.pgbouncer_world import primary, replica
from tests.waiting import eventually

pytestmark = pytest.mark.needs("postgresql", "pgbouncer")


def test_clients_wait_through_the_loss_of_the_primary() -> None:
    with failover_world(hold=True) as world, world.writers(4) as writers:
        world.lose()
        eventually(lambda: world.driver.held == "orders" and world.waiting() == 4)
        errors = len(writers.errors)
        moment = world.promote()
        assert writers.first_after(moment, world.new.port) > 0
        assert not world.bouncer.paused()
        old, new = world.at(world.old), world.at(world.new)
        world.old.start()
        for nodes in ((primary(old, 1), primary(new, 2)), (primary(old, 1),), ()):
            outcome = world.driver.synced(world.listed(*nodes))
            assert (outcome.kind, world.bouncer.led()["orders"][1]) == ("degraded", world.new.port)
        assert [text for _, text in writers.errors[errors:]] == []


def test_a_switch_between_pause_and_resume_costs_no_error() -> None:
    with failover_world(hold=True) as world, world.writers(4) as writers:
        new = world.at(world.new)
        world.bouncer.ask("PAUSE orders")
        world.old.stop()
        world.driver.synced(world.listed(replica(new, 1)))
        world.promote()
        eventually(lambda: world.bouncer.led()["orders"][1] == world.new.port)
        assert world.bouncer.paused() == ["orders"], "the operator's pause was undone"
        count = len(writers.commits)
        world.bouncer.ask("RESUME orders")
        eventually(lambda: len(writers.commits) > count + 4)
        assert writers.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("planned", [True, False])
def test_figures_of_a_failover(planned: bool, hold: bool) -> None:
    with failover_world(hold) as world, world.writers() as writers:
        eventually(lambda: len(writers.commits) > 2000, 60)
        found = world.planned(writers, hold) if planned else world.unplanned(writers, 3)
    print(f"planned={planned} hold={hold}: {found}")
    assert found.after_hold == 0
    if hold:
        assert found.errors <= (0 if planned else 200)
