"""A fleet on ZooKeeper and on etcd: whatever happens to the service, traffic never notices.

Three services of this host are the members of the cluster that this host uses, registered and
watched through the same three servers; HAProxy is asked all the while.
``LIGHTHOUSE_OUTAGE=60`` has each outage last so many seconds, ``-s`` shows the figures.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.coordination import KINDS, Servers, Source
from tests.fleet import Fleet, Traffic, running
from tests.ports import free_ports
from tests.waiting import eventually

OUTAGE = float(os.environ.get("LIGHTHOUSE_OUTAGE", "3"))
SESSION = {"zookeeper": {"session_timeout": 2}, "etcd": {"lease_ttl": 3}}

pytestmark = [pytest.mark.timeout(240 + 6 * OUTAGE), pytest.mark.slow, pytest.mark.alone]


@pytest.fixture(params=sorted(KINDS), scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Servers]]:
    with KINDS[request.param](tmp_path_factory.mktemp(request.param)) as found:
        yield request.param, found


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    found = [Backend(f"web{number}", port) for number, port in enumerate(free_ports(3))]
    yield found
    for backend in found:
        backend.close()


@pytest.fixture
def fleet(
    tmp_path: Path, servers: tuple[str, Servers], backends: list[Backend]
) -> Iterator[Fleet]:
    """A host that provides the three backends as ``web``, and uses ``web`` and ``other``."""
    name, service = servers
    with running(tmp_path / "fleet") as found, service.source() as source:
        found.discover(name, {**source.config, **SESSION[name]})
        found.cluster("web")
        found.cluster("other", shrink_guard=False)
        ports = [backend.port for backend in backends]
        provided = {"name": "web", "ports": ports, "discovery": name}
        found.write("services/web.yaml", {**provided, "checks": {"interval": 0.5, "tcp": {}}})
        yield found


def test_a_fleet_outlives_what_happens_to_its_service(
    servers: tuple[str, Servers], fleet: Fleet, backends: list[Backend]
) -> None:
    name, service = servers
    web = {("127.0.0.1", backend.port) for backend in backends}
    fleet.start()
    eventually(lambda: fleet.serving("web") == web, 30)
    checked = _check_flips(fleet)
    with Traffic(fleet.ports["web"]) as traffic:
        for what, outage in OUTAGES.items():
            outage(service)
            took = _caught_up(fleet, service, f"after-{what}", backends[0].port)
            print(f"{name}: {what}: a change is served {took:.2f} s after it was taken")
            eventually(lambda: _registered(fleet, name) == 3, 20, f"{what}: registered again")
            eventually(lambda: fleet.serving("web") == web, 20, what)
            assert traffic.failures == [], what
            eventually(lambda: not fleet.status()["problems"], 30, f"{what}: all is well again")
    assert traffic.requests > 100
    assert _check_flips(fleet) == checked
    assert fleet.worker("haproxy")["status"]["reloads"] == 0


def _leader_killed(service: Servers) -> None:
    service.kill(1)


def _member_back(service: Servers) -> None:
    service.start()


def _quorum_lost(service: Servers) -> None:
    service.kill(2)
    time.sleep(OUTAGE)
    service.start()


def _all_stopped(service: Servers) -> None:
    service.pause()
    time.sleep(OUTAGE)
    service.resume()
    service.settle()


def _all_killed(service: Servers) -> None:
    service.kill()
    time.sleep(OUTAGE)
    service.start()


def _wiped(service: Servers) -> None:
    service.kill()
    service.wipe()
    service.start()


def _forgotten(service: Servers) -> None:
    service.forget_sessions()


OUTAGES: dict[str, Callable[[Servers], None]] = {
    "leader-killed": _leader_killed,
    "member-back": _member_back,
    "quorum-lost": _quorum_lost,
    "all-stopped": _all_stopped,
    "all-killed": _all_killed,
    "wiped": _wiped,
    "forgotten": _forgotten,
}


def _caught_up(fleet: Fleet, service: Servers, name: str, port: int) -> float:
    """Seconds from the first write that the service takes until HAProxy serves the node."""
    ip = "127.0.0.2"
    with _written(service, "other", name, {"host": name, "ip": ip, "port": port}):
        accepted = time.monotonic()
        eventually(lambda: (ip, port) in fleet.serving("other"), 20, name)
        took = time.monotonic() - accepted
    eventually(lambda: not fleet.serving("other"), 30, f"{name}: gone again")
    return took


@contextmanager
def _written(
    service: Servers, cluster: str, name: str, record: dict[str, object]
) -> Iterator[Source]:
    """A node of another host, as soon as the service takes it, and only for a while."""

    def write() -> bool:
        with service.source() as source:
            source.load(cluster, {})
            source.put(cluster, name, record)
        return True

    eventually(write, 60, f"{name}: the service takes writes")
    try:
        with service.source() as source:
            yield source
    finally:
        with service.source() as source:
            source.remove(cluster, name)


def _registered(fleet: Fleet, name: str) -> int:
    return int(fleet.worker(name, "discovery")["status"]["registered"])


def _check_flips(fleet: Fleet) -> int:
    """How often the log tells of a check that passes or fails."""
    return fleet.log.read_text().count("check tcp")


def test_it_starts_from_what_it_knew_last_and_says_so_where_it_knows_nothing(
    servers: tuple[str, Servers], fleet: Fleet, backends: list[Backend]
) -> None:
    _, service = servers
    web = {("127.0.0.1", backend.port) for backend in backends}
    service.kill()
    try:
        fleet.start()
        eventually(lambda: _problem(fleet, " for it"), 20, "it says that it knows nothing")
        eventually(lambda: fleet.serving("web") == set(), 20)
        service.start()
        eventually(lambda: fleet.serving("web") == web, 60)
        eventually(lambda: not fleet.status()["problems"], 30)
        remembered = fleet.root / "state" / "clusters" / "web"
        eventually(lambda: remembered.read_bytes().count(b"127.0.0.1") >= 3, 10, "remembered")
        fleet.kill()
        service.kill()
        pid = fleet.haproxy_pids()[0]
        os.kill(pid, 15)
        eventually(lambda: not Path(f"/proc/{pid}").exists(), 20)
        fleet.start()
        eventually(lambda: fleet.serving("web") == web, 30, "served from the snapshot")
        eventually(lambda: _problem(fleet, "last known nodes"), 20, "shown as stale")
        with Traffic(fleet.ports["web"]) as traffic:
            service.start()
            eventually(lambda: not fleet.status()["problems"], 60)
        assert traffic.failures == []
    finally:
        service.start()


def _problem(fleet: Fleet, text: str) -> bool:
    return any(text in problem for problem in fleet.status()["problems"])


def test_most_of_a_cluster_that_vanishes_is_held_and_then_obeyed(
    servers: tuple[str, Servers], fleet: Fleet, backends: list[Backend]
) -> None:
    _, service = servers
    records = {
        f"n{n}": {"host": f"n{n}", "ip": f"127.0.1.{n}", "port": backends[0].port}
        for n in range(1, 11)
    }
    served = {(str(record["ip"]), record["port"]) for record in records.values()}
    fleet.write("clusters/many.yaml", {"discovery": fleet.source, "haproxy": {"port": _port()}})
    with service.source() as source:
        source.load("many", records)
        fleet.start()
        eventually(lambda: fleet.serving("many") == served, 30)
        lost = list(records)[1:]
        for name in lost:
            source.remove("many", name)
        eventually(lambda: _cluster(fleet)["held_back"], 10, "held")
        eventually(lambda: fleet.serving("many") == served, 4, "the first of them are back too")
        source.load("many", {name: records[name] for name in lost})
        eventually(lambda: not _cluster(fleet)["held_back"], 10, "given back within the bound")
        eventually(lambda: fleet.serving("many") == served, 4)
        for name in lost:
            source.remove("many", name)
        kept = {("127.0.1.1", backends[0].port)}
        eventually(lambda: fleet.serving("many") == kept, 30, "obeyed")
        source.remove("many", "n1")
        eventually(lambda: not fleet.serving("many"), 30, "an empty cluster is obeyed as well")


def _port() -> int:
    return free_ports(1)[0]


def _cluster(fleet: Fleet) -> dict[str, object]:
    clusters = fleet.status()["clusters"]
    return next(cluster for cluster in clusters if cluster["name"] == "many")
