"""A fleet whose only balancer is the recorder, or the critic."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.critic import SOURCE as CRITIC
from tests.critic import Critic
from tests.fleet import Fleet, running
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
