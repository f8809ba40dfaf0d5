"""A whole host on ZooKeeper: the daemon, HAProxy, a service of its own, and traffic."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, Traffic, running
from tests.software.zookeeper_world import Ensemble, client, ensemble
from tests.waiting import eventually

pytestmark = [
    pytest.mark.needs("zookeeper"),
    pytest.mark.needs("haproxy"),
]

PATH = "/lighthouse/services"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Ensemble]:
    with ensemble(tmp_path / "zookeeper") as made:
        yield made


@pytest.fixture
def host(tmp_path: Path, server: Ensemble, backends: list[Backend]) -> Iterator[Fleet]:
    """A daemon that balances ``web`` over two foreign nodes and one that it registers itself."""
    with client(server) as zk:
        for backend in backends[:2]:
            value = {"host": backend.name, "ip": "127.0.0.1", "port": backend.port}
            place = f"{PATH}/web/{backend.name}:{backend.port}"
            zk.create(place, json.dumps(value).encode(), makepath=True)
    (tmp_path / "host").mkdir()
    with running(tmp_path / "host") as fleet:
        config = {"hosts": server.hosts, "path": PATH, "session_timeout": 2}
        fleet.write("discovery/zookeeper.yaml", config)
        (fleet.config / "discovery/files.yaml").unlink()
        fleet.cluster("web", discovery="zookeeper")
        checks = {"interval": 0.2, "tcp": {}}
        own = {"port": backends[2].port, "discovery": "zookeeper", "checks": checks}
        fleet.write("services/web.yaml", own)
        fleet.start()
        eventually(lambda: len(fleet.serving("web")) == 3, 30)
        yield fleet


def test_an_outage_is_shown_and_not_felt_and_what_was_registered_is_again(
    host: Fleet, server: Ensemble
) -> None:
    (only,) = server.servers
    served, pids = host.serving("web"), host.haproxy_pids()
    with Traffic(host.ports["web"]) as traffic:
        only.kill()
        eventually(lambda: any("refused" in one for one in host.status()["problems"]), 30)
        assert host.serving("web") == served
        only.start().ready()
        eventually(lambda: host.status()["healthy"], 30)
        with client(server) as zk:
            (name,) = [one for one in zk.get_children(f"{PATH}/web") if not one.startswith("b")]
            before = zk.exists(f"{PATH}/web/{name}").ephemeralOwner
            zk.delete(f"{PATH}/web/{name}")
            eventually(lambda: zk.exists(f"{PATH}/web/{name}"))
            assert zk.exists(f"{PATH}/web/{name}").ephemeralOwner == before
        eventually(lambda: host.serving("web") == served)
        eventually(lambda: traffic.requests > 50)
    assert traffic.failures == []
    assert host.haproxy_pids() == pids
    eventually(lambda: host.worker("zookeeper", "discovery")["status"]["restored"] == 1)


def test_the_daemon_takes_its_registration_along_when_it_stops(
    host: Fleet, server: Ensemble
) -> None:
    with client(server) as zk:
        assert len(zk.get_children(f"{PATH}/web")) == 3
        host.daemon.terminate()
        assert host.daemon.wait(30) == 0
        assert len(zk.get_children(f"{PATH}/web")) == 2
