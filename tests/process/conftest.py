"""A fleet whose only balancer is the recorder."""

import pytest

from tests.fleet import running
from tests.recorder import SOURCE


@pytest.fixture
def fleet(tmp_path):
    """A daemon that is not started yet, with one cluster ``web``; ``record`` is the output."""
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.plugin("recorder", SOURCE)
        fleet.record = tmp_path / "record"
        fleet.write("balancers/recorder.yaml", {"path": str(fleet.record)})
        fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": {}})
        (fleet.nodes / "web").mkdir()
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []
