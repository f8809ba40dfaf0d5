"""A service that only its own host can reach, and is told to all."""

import socket
import time
from pathlib import Path
from typing import Any

from tests.fleet import Fleet, running
from tests.waiting import eventually


def test_a_service_that_listens_for_its_own_host_only_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as fleet, socket.create_server(("127.0.0.1", 0)) as narrow:
        port = narrow.getsockname()[1]
        (fleet.config / "balancers/haproxy.yaml").unlink()
        service = {"port": port, "discovery": "files", "checks": {"tcp": {}}}
        fleet.write("services/web.yaml", {**service, "advertise": "192.0.2.7"})
        told = (
            f"port {port} is listened to at 127.0.0.1 only, and 192.0.2.7 is what others are told"
        )
        checked = fleet.lighthouse("check")
        assert checked.returncode == 0
        assert checked.stdout.startswith("services/web.yaml:")
        assert f"warning: {told}" in checked.stdout
        fleet.start()
        eventually(lambda: fleet.status()["services"][0]["up"])
        assert f"service web: {told}" in "".join(fleet.status()["problems"])
        assert told in " ".join(fleet.lighthouse("status").stdout.split())
        narrow.close()
        with socket.create_server(("0.0.0.0", port)):
            eventually(lambda: fleet.status()["healthy"])
            assert fleet.lighthouse("check").stdout.endswith("files good\n")
        fleet.close()
        assert fleet.leftovers() == []


UNREACHING = """
from lighthouse import hookimpl
from lighthouse.balancer import Balancer, Unreachable


class Unreaching(Balancer):
    found = ()

    def apply_config(self, config):
        self.since = config["since"]

    def sync_file(self, clusters):
        web = [c for c in clusters if c.name == "web"]
        keys = [node.key for each in web for node in each.nodes if node.port != 80]
        self.found = [Unreachable("web", key, "no answer in time", self.since) for key in keys]

    def unreachable(self):
        return self.found


@hookimpl
def lighthouse_balancer():
    return Unreaching
"""


def test_what_is_registered_but_unreachable_from_here_is_told_and_left_alone(
    fleet: Fleet,
) -> None:
    fleet.plugin("unreaching", UNREACHING)
    fleet.write("balancers/unreaching.yaml", {"since": time.time() - 120})
    fleet.write("clusters/web.yaml", {"discovery": "files", "unreaching": {}})
    fleet.node("web", "one", 80)
    fleet.node("web", "two", 81)
    fleet.start()

    def cluster() -> dict[str, Any]:
        found: dict[str, Any] = fleet.status()["clusters"][0]
        return found

    (one,) = eventually(lambda: cluster()["unreachable"])
    assert (one["name"], one["balancer"], one["port"]) == ("two:81", "unreaching", 81)
    assert fleet.status()["healthy"]
    explained = fleet.lighthouse("explain", "web", "two").stdout
    assert "two:81 (127.0.0.1:81): in" in explained
    assert "balancer unreaching has not reached it for 12" in explained
    assert "unreachable from here: two:81" in fleet.lighthouse("status").stdout

    (fleet.nodes / "web/one.json").unlink()
    eventually(lambda: not fleet.status()["healthy"])
    assert cluster()["unreached_by"] == "unreaching"
    assert any("its 1 node is unreachable from here" in p for p in fleet.status()["problems"])
    assert len(cluster()["nodes"]) == 1  # nothing is done for it
