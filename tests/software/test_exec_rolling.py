"""Rolling restarts by ``lighthouse exec`` under a steady stream of requests: none is lost.

Each program ends at once when it is told to, with whatever it is at.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Fleet, get, running
from tests.ports import free_ports
from tests.software.haproxy_traffic import Wrk
from tests.waiting import eventually

PROGRAM = Path(__file__).parents[1] / "program.py"


class Host:
    """A host with two instances of a service ``web`` and a HAProxy that serves them."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.ports = free_ports(2)
        self.front = fleet.cluster("web")
        (fleet.nodes / "web").mkdir()
        check = {"interval": 0.2, "http": {"uri": "/", "fall": 3}}
        service = {"name": "web", "ports": self.ports, "discovery": "files", "checks": check}
        fleet.write("services/web.yaml", service)
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, port: int) -> None:
        line = [sys.executable, "-P", "-m", "lighthouse.commands", "exec", "--quiet", "0.2"]
        line += ["-c", str(self.fleet.config), "--service", f"web:{port}", "--"]
        line += [sys.executable, str(PROGRAM), str(port), "0.1"]
        with (self.fleet.root / "exec.log").open("ab") as log:
            self.running[port] = subprocess.Popen(line, env=self.fleet.env, stderr=log)

    def stop(self, port: int) -> int:
        process = self.running.pop(port)
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def serves(self, *ports: int) -> bool:
        return self.fleet.serving("web") == {("127.0.0.1", port) for port in ports}

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with running(tmp_path) as fleet:
        host = Host(fleet)
        yield host
        host.close()
        fleet.close()
        eventually(lambda: fleet.leftovers() == [], 10)


@pytest.mark.parametrize("restarts", [3, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
@pytest.mark.needs("wrk")
def test_no_request_fails_and_none_is_cut(host: Host, restarts: int) -> None:
    host.fleet.start()
    for port in host.ports:
        host.start(port)
    eventually(lambda: host.serves(*host.ports), 15)
    with Wrk(host.front, connections=4) as wrk:
        for number in range(restarts):
            port = host.ports[number % 2]
            before = host.running[port].pid
            assert host.stop(port) == 7, host.fleet.root / "exec.log"
            assert host.serves(host.ports[1 - number % 2])
            host.start(port)
            eventually(lambda: host.serves(*host.ports), 15)
            assert host.running[port].pid != before
        assert get(host.front)[0] == 200
    assert (wrk.failures, wrk.requests > 100 * restarts) == ([], True), wrk.requests
