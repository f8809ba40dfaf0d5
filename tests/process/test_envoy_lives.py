"""The ``envoy`` balancer in the daemon: whoever is killed, no request fails."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.envoy.runtime.admin import AdminSocket
from lighthouse.envoy.schema.settings import parse_settings
from tests.backends import Backend
from tests.fleet import Fleet, Traffic, get, running
from tests.ports import free_port
from tests.software.envoy_world import put_down
from tests.waiting import eventually

pytestmark = pytest.mark.needs("envoy")


class Meshed:
    """A daemon with an Envoy, whose nodes are files."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        (fleet.config / "balancers/haproxy.yaml").unlink()
        self.config: dict[str, Any] = {"directory": str(fleet.root / "envoy"), "drain_time": 1}
        self.settings = parse_settings(self.config)
        self.admin = AdminSocket(self.settings.admin)
        fleet.write("balancers/envoy.yaml", self.config)

    def cluster(self, name: str, **section: Any) -> int:
        """A cluster's file; returns the port that Envoy binds for it."""
        port = self.fleet.ports.setdefault(name, free_port())
        content = {"discovery": "files", "shrink_guard": False, "envoy": {"port": port, **section}}
        self.fleet.write(f"clusters/{name}.yaml", content)
        return port

    def serves(self, cluster: str, *places: tuple[str, int]) -> None:
        """Wait until Envoy has exactly these members of a cluster."""
        eventually(lambda: self.admin.members().get(cluster) == set(places), 20)

    def worker(self) -> int:
        return int(self.fleet.worker("envoy")["pid"])


@pytest.fixture
def meshed(tmp_path: Path) -> Iterator[Meshed]:
    with running(tmp_path) as fleet:
        made = Meshed(fleet)
        try:
            yield made
        finally:
            fleet.close()
            put_down(made.settings)


def test_worker_and_supervisor_are_killed_and_no_request_fails(meshed: Meshed) -> None:
    fleet = meshed.fleet
    with Backend("one") as one, Backend("two") as two:
        port = meshed.cluster("web")
        fleet.node("web", "one", one.port)
        fleet.start()
        meshed.serves("web", ("127.0.0.1", one.port))
        pid = meshed.admin.info().pid
        with Traffic(port) as traffic:
            os.kill(meshed.worker(), signal.SIGKILL)
            fleet.node("web", "two", two.port)
            meshed.serves("web", ("127.0.0.1", one.port), ("127.0.0.1", two.port))
            fleet.kill()
            (fleet.nodes / "web/one.json").unlink()
            fleet.start()
            meshed.serves("web", ("127.0.0.1", two.port))
            eventually(lambda: get(port) == (200, "two"))
        assert traffic.requests > 20
        assert traffic.failures == []
        assert meshed.admin.info().pid == pid
        worker = eventually(lambda: fleet.worker("envoy"))
        assert worker["status"]["starts"] == 0
        assert fleet.kill(signal.SIGTERM) == 0
        assert get(port) == (200, "two")


def test_two_balancers_of_one_directory_do_not_fight_over_it(meshed: Meshed) -> None:
    """The one that came second touches nothing, says whose it is, and has it once that is gone."""
    fleet = meshed.fleet
    with Backend("one") as one:
        port = meshed.cluster("web")
        fleet.node("web", "one", one.port)
        fleet.start()
        eventually(lambda: get(port) == (200, "one"), 20)
        fleet.write("balancers/second.yaml", {"plugin": "envoy", **meshed.config})
        eventually(lambda: "belongs to" in fleet.worker("second")["reason"], 20)
        told = fleet.worker("second")["reason"]
        assert f"{meshed.config['directory']} belongs to another balancer, lighthouse: " in told
        assert f"lighthouse: balancer envoy (pid {meshed.worker()})" in told
        (error,) = eventually(lambda: fleet.status()["supervisor"]["config_errors"])
        assert error["file"] == "balancers/second.yaml"
        assert "belongs to balancers/envoy.yaml, as its 'directory', already" in error["message"]
        assert get(port) == (200, "one")
        (fleet.config / "balancers/envoy.yaml").unlink()
        eventually(lambda: fleet.worker("second")["healthy"], 30)
        eventually(lambda: fleet.status()["supervisor"]["config_errors"] == [])


@pytest.mark.slow
def test_a_hundred_clusters_come_one_by_one_in_one_envoy(meshed: Meshed) -> None:
    """``-s`` shows the seconds from a reload of the configuration to each one's first answer."""
    fleet, took = meshed.fleet, []
    with Backend("one") as one:
        first = meshed.cluster("c0")
        fleet.node("c0", "one", one.port)
        fleet.start()
        eventually(lambda: get(first) == (200, "one"), 20)
        pid = meshed.admin.info().pid
        for number in range(1, 101):
            fleet.node(f"c{number}", "one", one.port)
            port = meshed.cluster(f"c{number}")
            fleet.reload()
            began = time.perf_counter()
            eventually(lambda port=port: get(port) == (200, "one"), 20)
            took.append(time.perf_counter() - began)
        assert {get(port) for port in fleet.ports.values()} == {(200, "one")}
        assert meshed.admin.info().pid == pid
        status = fleet.worker("envoy")["status"]
        assert (status["starts"], status["replacements"], status["clusters"]) == (1, 0, 101)
    took.sort()
    print(f"median {took[50]:.3f}, 90 %: {took[90]:.3f}, longest {took[-1]:.3f} s")
