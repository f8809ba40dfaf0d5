"""The daemon with a dns discovery: nameserver to HAProxy, and a service that reports to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, get, running
from tests.software.dns_world import Told
from tests.waiting import eventually

READ_ONLY = "this discovery is read-only: services cannot be registered with it"


@pytest.fixture
def told() -> Iterator[Told]:
    server = Told()
    server.ttl = 1
    yield server
    server.close()


@pytest.fixture
def fleet(tmp_path: Path, told: Told) -> Iterator[Fleet]:
    with running(tmp_path) as found:
        settings: dict[str, Any] = {
            "name": "_{cluster}._tcp.example.com",
            "nameservers": [told.server],
            "min_interval": 0.2,
            "timeout": 1,
        }
        found.write("discovery/dns.yaml", settings)
        yield found
        found.close()
        assert found.leftovers() == []


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    started = [Backend("primary"), Backend("backup")]
    yield started
    for backend in started:
        backend.close()


def test_traffic_goes_to_the_lowest_priority_and_to_the_backup_without_it(
    fleet: Fleet, told: Told, backends: list[Backend]
) -> None:
    primary, backup = (backend.port for backend in backends)
    records = [f"10 5 {primary} here.example.com.", f"20 5 {backup} here.example.com."]
    told.set("_web._tcp", "SRV", *records)
    told.set("here", "A", "127.0.0.1")
    options = {"node_options": ["backup"], "server_options": "check inter 100ms fall 1 rise 1"}
    port = fleet.cluster("web", discovery="dns", haproxy=options)
    fleet.start()
    places = {("127.0.0.1", primary), ("127.0.0.1", backup)}
    eventually(lambda: fleet.serving("web") == places, 30)
    eventually(lambda: get(port) == (200, "primary"))
    assert {get(port)[1] for _ in range(20)} == {"primary"}
    eventually(lambda: " backup" in fleet.cfg.read_text())
    backends[0].healthy = False
    backends[0].close()
    eventually(lambda: get(port) == (200, "backup"))
    told.set("_web._tcp", "SRV", records[1])  # what was the backup is now all there is
    eventually(lambda: fleet.serving("web") == {("127.0.0.1", backup)})
    eventually(lambda: " backup" not in fleet.cfg.read_text().split("backend web")[-1])
    assert get(port) == (200, "backup")
    told.faults["*"] = "SERVFAIL"
    eventually(lambda: not fleet.status()["healthy"], 30)
    (problem,) = [p for p in fleet.status()["problems"] if p.startswith("discovery dns")]
    assert "suspended: SRV _web._tcp.example.com" in problem
    assert "SERVFAIL" in problem
    assert get(port) == (200, "backup")


def test_a_service_that_reports_to_dns_is_a_config_error_at_its_line(
    fleet: Fleet, told: Told
) -> None:
    (fleet.config / "balancers/haproxy.yaml").unlink()
    told.set("_app._tcp", "SRV", "0 0 80 here.example.com.")
    told.set("here", "A", "127.0.0.1")
    fleet.write("services/app.yaml", "port: 8000\nchecks: {}\ndiscovery: [files, dns]\n")
    fleet.write("services/other.yaml", "port: 8001\nchecks: {}\ndiscovery: dns\n")
    expected = {
        f"services/app.yaml:3:20: discovery.1: {READ_ONLY}",
        f"services/other.yaml:3:1: discovery.0: {READ_ONLY}",
    }
    checked = fleet.lighthouse("check")
    assert (set(checked.stdout.splitlines()), checked.returncode) == (expected, 1)
    fleet.start()

    def errors() -> set[str]:
        found = fleet.status()["supervisor"]["config_errors"]
        return {f"{e['file']}:{e['line']}:{e['column']}: {e['message']}" for e in found}

    eventually(lambda: errors() == expected, 30)
    eventually(lambda: list((fleet.nodes / "app").glob("*_8000.json")))
    eventually(lambda: all(line in fleet.log.read_text() for line in expected))
    assert fleet.worker("dns", "discovery")["healthy"]
    fleet.write("services/app.yaml", "port: 8000\nchecks: {}\ndiscovery: files\n")
    (fleet.config / "services/other.yaml").unlink()
    eventually(lambda: errors() == set(), 30)
    assert list((fleet.nodes / "app").glob("*_8000.json"))
    assert fleet.lighthouse("check").returncode == 0
    fleet.write("services/late.yaml", "port: 8002\nchecks: {}\ndiscovery: dns\n")
    late = f"services/late.yaml:3:1: discovery.0: {READ_ONLY}"
    eventually(lambda: late in fleet.log.read_text(), what="the fault in the log")
