"""A host and three servers, each on a host of its own, whose cables are pulled.

Nobody is told of a pulled cable: connections stay open and say nothing.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.coordination import Etcds, Servers, ZooKeepers
from tests.fleet import Fleet, Traffic, running
from tests.network import Network, network
from tests.requirements import require
from tests.software import etcd_world, zookeeper_world
from tests.waiting import eventually

HOSTS = ("s1", "s2", "s3")
SESSION = {"zookeeper": {"session_timeout": 2}, "etcd": {"lease_ttl": 3}}
AWAY = 5.0

pytestmark = [
    pytest.mark.needs("namespaces"),
    pytest.mark.timeout(240),
    pytest.mark.slow,
]

Leader = Callable[[], str]
"""Names the host of the leader."""


@contextlib.contextmanager
def _zookeepers(root: Path, net: Network) -> Iterator[tuple[Servers, Leader]]:
    require("zookeeper")
    addresses = [net.address(host) for host in HOSTS]
    ensemble = zookeeper_world.Ensemble(root, 3, addresses=addresses)
    try:
        for host, server in zip(HOSTS, ensemble.servers, strict=True):
            with net.inside(host):
                server.start()
        with net.inside("host"):
            ensemble.start()
        yield ZooKeepers(ensemble), lambda: HOSTS[ensemble.leader().number - 1]
    finally:
        ensemble.close()


@contextlib.contextmanager
def _etcds(root: Path, net: Network) -> Iterator[tuple[Servers, Leader]]:
    require("etcd")
    etcd = etcd_world.Etcd(root, 3, addresses=[net.address(host) for host in HOSTS])
    peers = ",".join(f"{member.name}={member.peer_url}" for member in etcd.members)
    try:
        for host, member in zip(HOSTS, etcd.members, strict=True):
            with net.inside(host):
                member.start(peers)
        with net.inside("host"):
            etcd.ready()
        yield Etcds(etcd), lambda: HOSTS[etcd.members.index(eventually(etcd.leader, 20))]
    finally:
        etcd.close()


KINDS = {"zookeeper": _zookeepers, "etcd": _etcds}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_cables_are_pulled_and_traffic_never_notices(kind: str, tmp_path: Path) -> None:
    with (
        network("host", *HOSTS) as net,
        KINDS[kind](tmp_path / "service", net) as (service, leader),
        running(tmp_path / "fleet") as fleet,
        net.inside("host"),
    ):
        backend = Backend("web")
        try:
            _start(fleet, kind, service, backend)
            with Traffic(fleet.ports["web"]) as traffic:
                lost = leader()
                net.cut(lost)
                with _written(service, "one", backend.port):
                    _served(fleet, backend.port, "written while the leader is away")
                eventually(lambda: not fleet.serving("other"), 20, "gone again")
                net.heal(lost)
                net.cut("host")
                with net.inside("s1"), _written(service, "two", backend.port):
                    eventually(lambda: _stale(fleet), AWAY + 20, "its nodes are old")
                    assert fleet.serving("other") == set()
                    assert fleet.serving("web") == {("127.0.0.1", backend.port)}
                    net.heal("host")
                    _served(fleet, backend.port, "caught up")
                eventually(lambda: not fleet.status()["problems"], 30, "all is well again")
                eventually(lambda: _registered(fleet, kind), 20, "registered again")
            assert traffic.requests > 100
            assert traffic.failures == []
        finally:
            backend.close()


def _start(fleet: Fleet, kind: str, service: Servers, backend: Backend) -> None:
    """A host that provides the backend as ``web``, and uses ``web`` and ``other``."""
    with service.source() as source:
        source.load("other", {})
        fleet.discover(kind, {**source.config, **SESSION[kind]})
    fleet.cluster("web")
    fleet.cluster("other", shrink_guard=False)
    provided = {"name": "web", "port": backend.port, "discovery": kind}
    fleet.write("services/web.yaml", {**provided, "checks": {"interval": 0.5, "tcp": {}}})
    fleet.start()
    eventually(lambda: fleet.serving("web") == {("127.0.0.1", backend.port)}, 30)


@contextlib.contextmanager
def _written(service: Servers, name: str, port: int) -> Iterator[None]:
    """A node of another host, there as soon as the service takes it."""
    record = {"host": name, "ip": "127.0.0.2", "port": port}

    def write() -> bool:
        with service.source() as source:
            source.put("other", name, record)
        return True

    def remove() -> bool:
        with service.source() as source:
            source.remove("other", name)
        return True

    eventually(write, 40, f"{name} is written")
    try:
        yield
    finally:
        eventually(remove, 40, f"{name} is removed")


def _served(fleet: Fleet, port: int, what: str) -> None:
    began = time.monotonic()
    eventually(lambda: ("127.0.0.2", port) in fleet.serving("other"), 30, what)
    print(f"{what}: after {time.monotonic() - began:.2f} s")


def _stale(fleet: Fleet) -> bool:
    return all(cluster["stale"] for cluster in fleet.status()["clusters"])


def _registered(fleet: Fleet, kind: str) -> bool:
    return bool(fleet.worker(kind, "discovery")["status"]["registered"] == 1)
