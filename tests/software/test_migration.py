"""Moving a fleet over host by host, as docs/migration.md says: what is there already serves on."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from tests.backends import Backend
from tests.fleet import Fleet, Traffic, running
from tests.software.zookeeper_world import Ensemble, client, ensemble
from tests.waiting import eventually

HAPROXY = shutil.which("haproxy")
pytestmark = pytest.mark.needs("haproxy")
needs_zookeeper = pytest.mark.needs("zookeeper")

OURS = "/lighthouse/services/web"
NERVES = "/nerve/services/web/services"


class Fellow:
    """Other hosts of the fleet, as the daemons that still run there write and read."""

    def __init__(self, zk: KazooClient) -> None:
        self._zk = zk

    def nerve(self, backend: Backend, sequence: int = 1) -> str:
        value = {"host": "127.0.0.1", "port": backend.port, "name": backend.name, "weight": 1}
        path = f"{NERVES}/{backend.name}_{sequence:010}"
        self._zk.create(path, json.dumps(value).encode(), makepath=True)
        return path

    def lighthouse_2016(self, backend: Backend) -> str:
        peer = {"name": backend.name, "ip": "127.0.0.1", "port": 1024}
        value = {
            "host": backend.name,
            "ip": "127.0.0.1",
            "port": backend.port,
            "peer": json.dumps(peer),
            "metadata": json.dumps({"zone": "a"}),
        }
        path = f"{OURS}/{backend.name}:{backend.port}"
        self._zk.create(path, json.dumps(value).encode(), makepath=True)
        return path

    def remove(self, path: str) -> None:
        self._zk.delete(path)

    def seen_by_synapse(self) -> set[int]:
        """It asks for ``host`` and ``port`` and skips what has none."""
        records = self._records(NERVES)
        assert all(isinstance(one["host"], str) for one in records)
        return {one["port"] for one in records}

    def seen_by_2016(self) -> set[int]:
        records = self._records(OURS)
        for one in records:
            assert isinstance(json.loads(one.get("metadata", "{}")), dict)
            assert one["host"]
            assert one["ip"]
        return {one["port"] for one in records}

    def _records(self, path: str) -> list[Any]:
        found = []
        for name in self._zk.get_children(path):
            with contextlib.suppress(NoNodeError):  # it may go between the list and the read
                found.append(json.loads(self._zk.get(f"{path}/{name}")[0]))
        return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Ensemble]:
    with ensemble(tmp_path / "zookeeper") as made:
        yield made


@pytest.fixture
def host(tmp_path: Path, server: Ensemble) -> Iterator[Fleet]:
    (tmp_path / "host").mkdir()
    with running(tmp_path / "host") as fleet:
        (fleet.config / "discovery/files.yaml").unlink()
        common = {"plugin": "zookeeper", "hosts": server.hosts}
        fleet.write("discovery/zookeeper.yaml", {**common, "path": "/lighthouse/services"})
        nerves = {"format": "smartstack", "path": "/nerve/services/{cluster}/services"}
        fleet.write("discovery/smartstack.yaml", {**common, **nerves})
        yield fleet


def weights(fleet: Fleet) -> dict[int, int]:
    """What HAProxy gives each port of the cluster."""
    rows = [line.split() for line in fleet.command("show servers state web").splitlines()[2:]]
    return {int(row[18]): int(row[7]) for row in rows if len(row) > 18 and not int(row[6]) & 0x23}


@pytest.mark.needs("zookeeper")
def test_a_host_that_is_moved_over_is_seen_by_all_and_sees_all(
    host: Fleet, server: Ensemble, backends: list[Backend]
) -> None:
    both = ["zookeeper", "smartstack"]
    smartstack, old, own = backends
    with client(server) as zk:
        fellow = Fellow(zk)
        of_nerve = fellow.nerve(smartstack)
        fellow.lighthouse_2016(old)
        host.cluster("web", discovery=both)
        checks = {"interval": 0.2, "tcp": {}}
        host.write("services/web.yaml", {"port": own.port, "discovery": both, "checks": checks})
        host.start()
        everybody = {("127.0.0.1", backend.port) for backend in backends}
        eventually(lambda: host.pid_file.exists() and host.serving("web") == everybody, 30)
        eventually(lambda: fellow.seen_by_synapse() == {smartstack.port, own.port})
        eventually(lambda: fellow.seen_by_2016() == {old.port, own.port})
        pids = host.haproxy_pids()

        with Traffic(host.ports["web"]) as traffic:
            # Traffic is shifted from the hosts of nerve to those of lighthouse.
            host.cluster(
                "web", discovery=both, combine={"percent": {"zookeeper": 20, "smartstack": 80}}
            )
            eventually(lambda: share(weights(host), smartstack.port) == 80)
            host.cluster(
                "web", discovery=both, combine={"percent": {"zookeeper": 100, "smartstack": 0}}
            )
            eventually(lambda: share(weights(host), smartstack.port) == 0)
            host.cluster("web", discovery=both)
            # The host of nerve is moved over, too: its new registrations come before the old goes.
            fellow.lighthouse_2016(smartstack)
            fellow.nerve(smartstack, 2)
            fellow.remove(of_nerve)
            # Nobody reads nerve's znodes any more.
            host.write(
                "services/web.yaml", {"port": own.port, "discovery": "zookeeper", "checks": checks}
            )
            eventually(lambda: fellow.seen_by_synapse() == {smartstack.port})
            host.cluster("web", discovery="zookeeper")
            (host.config / "discovery/smartstack.yaml").unlink()
            eventually(lambda: len(host.status()["workers"]) == 3)
            eventually(lambda: host.serving("web") == everybody)
            eventually(lambda: host.status()["healthy"])
            eventually(lambda: traffic.requests > 50)
        assert traffic.failures == []
        assert host.haproxy_pids() == pids


WITHOUT_MASTER = """\
global
  daemon
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
frontend web
  bind 127.0.0.1:{port}
  default_backend web
backend web
  server x 127.0.0.1:{backend}
"""


def test_a_haproxy_without_a_master_hands_over(tmp_path: Path, backends: list[Backend]) -> None:
    """As the 2016 lighthouse ran it: ``-D -p PID_FILE``, at the same paths."""
    only = backends[0]
    with running(tmp_path) as host:
        port = host.cluster("web")
        host.node("web", only.name, only.port)
        values = {"socket": host.socket, "port": port, "backend": only.port}
        host.cfg.write_text(WITHOUT_MASTER.format(**values))
        subprocess.run([str(HAPROXY), "-D", "-f", host.cfg, "-p", host.pid_file], check=True)
        old = int(host.pid_file.read_text())
        try:
            with Traffic(port) as traffic:
                host.start()
                eventually(lambda: not Path(f"/proc/{old}").exists(), 30)
                eventually(lambda: host.status()["healthy"], 30)
                assert host.serving("web") == {("127.0.0.1", only.port)}
                master, worker = host.haproxy_pids()
                assert master != worker
            assert traffic.requests > 10
            assert traffic.failures == []
            assert host.worker("haproxy")["status"]["reloads"] == 1
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(old, signal.SIGKILL)


def share(found: dict[int, int], port: int) -> int:
    return round(100 * found.get(port, 0) / max(1, sum(found.values())))
