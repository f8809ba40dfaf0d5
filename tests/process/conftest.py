"""Fleets whose only balancer is the recorder, the critic, or what a test installs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.critic import SOURCE as CRITIC
from tests.critic import Critic
from tests.fleet import Fleet, running
from tests.packages import Site
from tests.recorder import SOURCE


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A daemon that is not started yet, with one cluster ``web``; ``record`` is the output."""
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.plugin("recorder", SOURCE)
        fleet.write("balancers/recorder.yaml", {"path": str(fleet.record)})
        fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": {}})
        (fleet.nodes / "web").mkdir()
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Where a test installs distributions with plugins."""
    return Site(tmp_path)


@pytest.fixture
def site_fleet(tmp_path: Path, site: Site) -> Iterator[Fleet]:
    """A daemon that is not started yet, has no balancer, and finds what ``site`` has."""
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.env["PYTHONPATH"] = str(site.path)
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []


@pytest.fixture
def critic(tmp_path: Path) -> Critic:
    return Critic(tmp_path / "says")


@pytest.fixture
def criticised(fleet: Fleet, critic: Critic) -> Fleet:
    """The fleet with the critic instead; its cluster ``web`` has a section for it."""
    fleet.plugin("critic", CRITIC)
    (fleet.config / "balancers/recorder.yaml").unlink()
    fleet.write("balancers/critic.yaml", critic.config)
    fleet.write("clusters/web.yaml", "discovery: files\ncritic:\n  port: 1\n")
    return fleet
