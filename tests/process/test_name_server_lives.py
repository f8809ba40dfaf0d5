"""The ``dns`` balancer in the daemon: whoever dies, the answers stay or are back at once."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest

from tests.fleet import Fleet, running
from tests.ports import free_port
from tests.waiting import eventually

QUERY = dns.message.make_query("web.lh.internal", "A").to_wire()


class Asked:
    """A daemon whose name server is asked for the addresses of ``web``."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.port = free_port()
        (fleet.config / "balancers/haproxy.yaml").unlink()
        settings = {
            "zone": "lh.internal",
            "state_file": str(fleet.root / "dns.json"),
            "listen": [f"127.0.0.1:{self.port}"],
        }
        fleet.write("balancers/dns.yaml", settings)
        fleet.write("clusters/web.yaml", {"discovery": "files", "dns": {}, "shrink_guard": False})
        fleet.node("web", "one", 8000, "10.0.0.1")

    def answer(self, ip: str = "127.0.0.1", within: float = 0.5) -> tuple[str, list[str]]:
        """The code and the addresses; raises ``OSError`` if there is no answer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(within)
            sock.connect((ip, self.port))
            sock.send(QUERY)
            found = dns.message.from_wire(sock.recv(4096))
        addresses = [record.address for rrset in found.answer for record in rrset]
        return found.rcode().name, sorted(addresses)

    def pid(self, kind: str) -> int:
        name = {"balancer": "dns", "discovery": "files"}[kind]
        return int(self.fleet.worker(name, kind)["pid"])


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with running(tmp_path) as fleet:
        made = Asked(fleet)
        fleet.start()
        eventually(lambda: made.answer() == ("NOERROR", ["10.0.0.1"]), 20)
        yield made


def test_the_answers_outlive_discovery_and_are_back_at_once_after_their_own_death(
    asked: Asked,
) -> None:
    here = ("NOERROR", ["10.0.0.1"])
    os.kill(asked.pid("discovery"), signal.SIGKILL)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        assert asked.answer() == here
    asked.fleet.node("web", "two", 8000, "10.0.0.2")
    both = ("NOERROR", ["10.0.0.1", "10.0.0.2"])
    eventually(lambda: asked.answer() == both)
    os.kill(asked.pid("balancer"), signal.SIGKILL)
    eventually(lambda: asked.answer() == both)
    for path in asked.fleet.nodes.glob("web/*"):
        path.unlink()
    eventually(lambda: asked.fleet.worker("dns")["status"].get("others") == {"web": "kept"})
    assert asked.answer()[0] == "NOERROR"
    asked.fleet.kill()
    eventually(lambda: not _answers(asked))
    asked.fleet.write("discovery/files.yaml", {"plugin": "file", "path": "/nowhere"})
    asked.fleet.start()
    eventually(lambda: asked.answer()[0] == "NOERROR")
    assert asked.fleet.kill(signal.SIGTERM) == 0
    assert asked.fleet.leftovers() == []


def test_a_second_name_server_answers_while_the_first_is_away(asked: Asked) -> None:
    """As the manual has it: a worker, an address and a file of its own, the same clusters."""
    fleet, here = asked.fleet, ("NOERROR", ["10.0.0.1"])
    second = {
        "plugin": "dns",
        "zone": "lh.internal",
        "state_file": str(fleet.root / "second.json"),
        "listen": [f"127.0.0.2:{asked.port}"],
    }
    fleet.write("balancers/second.yaml", second)
    eventually(lambda: asked.answer("127.0.0.2") == here, 20)
    os.kill(asked.pid("balancer"), signal.SIGKILL)
    began, away = time.monotonic(), 0.0
    while not (away and _answers(asked, 0.05)):
        assert asked.answer("127.0.0.2") == here
        if not _answers(asked, 0.05):
            away = time.monotonic() - began
        assert time.monotonic() < began + 20
    print(f"away for {away:.2f} s")
    assert fleet.status()["supervisor"]["config_errors"] == []


def _answers(asked: Asked, within: float = 0.5) -> bool:
    try:
        return bool(asked.answer(within=within))
    except OSError:
        return False
