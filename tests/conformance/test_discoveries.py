"""The bundled discoveries in the suite of discoveries, with real sources."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from lighthouse.commands.setup.survey import is_etcd, is_zookeeper
from lighthouse.node import Node
from lighthouse.testing import DiscoveryConformance
from lighthouse.testing.conformance.plugin import Config
from tests.software.dns_world import ZONE, Told
from tests.software.etcd_world import Etcd, running
from tests.software.zookeeper_world import Ensemble, client, ensemble, expire, password

GARBAGE = {"bad1": "{", "bad2": '{"ip": "10.0.0.1"}', "bad3": '{"ip": "10.0.0.7", "port": 70000}'}


def written(node: Node) -> str:
    record = {"host": node.host, "ip": node.ip, "port": node.port, "weight": node.weight}
    return json.dumps(record)


def place(record: bytes | str) -> str:
    """Where a record's node is; empty for one that is none."""
    try:
        fields = json.loads(record)
        return f"{fields['ip']}:{fields['port']}"
    except (ValueError, KeyError):
        return ""


class TestFile(DiscoveryConformance):
    plugin = "file"

    def put(self, directory: Path, cluster: str, *nodes: Node) -> None:
        where = directory / "nodes" / cluster
        where.mkdir(parents=True, exist_ok=True)
        for former in where.glob("by-hand-*.json"):
            former.unlink()
        for node in nodes:
            beside = where / f".{node.host}.new"
            beside.write_text(written(node))
            beside.rename(where / f"by-hand-{node.host}.json")

    def config(self, directory: Path) -> Config:
        return {"path": str(directory / "nodes"), "poll": 1}

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.config(directory)
        return {"path": {"path": 5}, "ttl": {**good, "ttl": 1}, "pol": {**good, "pol": 1}}

    def spoil(self, directory: Path, cluster: str) -> None:
        for name, text in GARBAGE.items():
            (directory / "nodes" / cluster / f"{name}.json").write_text(text)

    def interrupt(self, directory: Path) -> None:
        (directory / "nodes").rename(directory / "away")

    def resume(self, directory: Path) -> None:
        if (directory / "nodes").exists():
            (directory / "nodes").rmdir()
        (directory / "away").rename(directory / "nodes")

    def standing(self, directory: Path, cluster: str) -> Collection[str]:
        files = (directory / "nodes" / cluster).glob("[!.]*.json")
        return [place(file.read_bytes()) for file in files]

    def forget(self, directory: Path) -> None:
        for file in (directory / "nodes" / "web").glob("10.0.0.9*.json"):
            file.unlink()


@pytest.mark.needs("etcd")
class TestEtcd(DiscoveryConformance):
    plugin = "etcd"
    etcd: ClassVar[Etcd]

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with running(tmp_path_factory.mktemp("etcd")) as cls.etcd:
            yield

    def test_init_finds_one(self) -> None:
        assert is_etcd(int(self.etcd.endpoints[0].rpartition(":")[2]))

    @staticmethod
    def root(directory: Path) -> str:
        return f"/{directory.parent.name}"

    def config(self, directory: Path) -> Config:
        return {"endpoints": self.etcd.endpoints, "path": self.root(directory)}

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.config(directory)
        return {"endpoints": {**good, "endpoints": 5}, "pth": {**good, "pth": "x"}}

    def put(self, directory: Path, cluster: str, *nodes: Node) -> None:
        prefix = f"{self.root(directory)}/{cluster}/by-hand-"
        puts = [(f"{prefix}{node.host}", written(node)) for node in nodes]
        gone = [key for key in self.etcd.range(prefix) if key not in dict(puts)]
        self.etcd.transact(*puts, deletes=gone)

    def spoil(self, directory: Path, cluster: str) -> None:
        for name, text in GARBAGE.items():
            self.etcd.put(f"{self.root(directory)}/{cluster}/{name}", text)

    def interrupt(self, directory: Path) -> None:
        self.etcd.freeze()

    def resume(self, directory: Path) -> None:
        self.etcd.thaw()

    def standing(self, directory: Path, cluster: str) -> Collection[str]:
        found = self.etcd.range(f"{self.root(directory)}/{cluster}/")
        return [place(record) for record in found.values()]

    def forget(self, directory: Path) -> None:
        for lease in self.etcd.leases():
            self.etcd.revoke(lease)


@pytest.mark.slow
@pytest.mark.needs("zookeeper")
class TestZooKeeper(DiscoveryConformance):
    plugin = "zookeeper"
    servers: ClassVar[Ensemble]
    outage = 2.5
    patience = 15.0

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with ensemble(tmp_path_factory.mktemp("zookeeper")) as cls.servers:
            yield

    def test_init_finds_one(self) -> None:
        assert is_zookeeper(int(self.servers.hosts[0].rpartition(":")[2]))

    @staticmethod
    def root(directory: Path) -> str:
        return f"/{directory.parent.name}"

    def config(self, directory: Path) -> Config:
        path = self.root(directory)
        return {"hosts": self.servers.hosts, "path": path, "session_timeout": 2}

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.config(directory)
        return {"hosts": {**good, "hosts": 5}, "pth": {**good, "pth": "x"}}

    def put(self, directory: Path, cluster: str, *nodes: Node) -> None:
        path = f"{self.root(directory)}/{cluster}"
        with client(self.servers) as zk:
            zk.ensure_path(path)
            there = set(zk.get_children(path))
            for name in there:
                if name.startswith("by-hand-"):
                    zk.delete(f"{path}/{name}")
            for node in nodes:
                zk.create(f"{path}/by-hand-{node.host}", written(node).encode())

    def spoil(self, directory: Path, cluster: str) -> None:
        with client(self.servers) as zk:
            for name, text in GARBAGE.items():
                zk.create(f"{self.root(directory)}/{cluster}/{name}", text.encode())

    def interrupt(self, directory: Path) -> None:
        for server in self.servers.servers:
            server.pause()

    def resume(self, directory: Path) -> None:
        for server in self.servers.servers:
            server.resume()

    def standing(self, directory: Path, cluster: str) -> Collection[str]:
        path = f"{self.root(directory)}/{cluster}"
        with client(self.servers) as zk:
            if not zk.exists(path):
                return []
            return [place(zk.get(f"{path}/{name}")[0]) for name in zk.get_children(path)]

    def forget(self, directory: Path) -> None:
        """End every session that there is."""
        for session in re.findall(r"sid=(0x[0-9a-f]+)", self.servers.servers[0].ask("cons")):
            expire((int(session, 16), password(int(session, 16))), self.servers.hosts)


class TestDNS(DiscoveryConformance):
    """Nothing can be registered here."""

    plugin = "dns"

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        self.told = Told()
        self.told.ttl, self.told.negative = 0, 0
        yield
        self.told.close()

    def config(self, directory: Path) -> Config:
        return {
            "nameservers": [self.told.server],
            "name": f"_{{cluster}}._tcp.{ZONE}",
            "min_interval": 0.1,
            "max_interval": 1,
            "timeout": 0.3,
            "attempts": 1,
        }

    def bad_configs(self, directory: Path) -> Mapping[str, Config]:
        good = self.config(directory)
        return {"nameservers": {**good, "nameservers": 5}, "zone": {**good, "zone": "x"}}

    def put(self, directory: Path, cluster: str, *nodes: Node) -> None:
        for node in nodes:
            self.told.set(node.host, "A", node.ip)
        targets = [f"0 {node.weight} {node.port} {node.host}.{ZONE}." for node in nodes]
        self.told.set(f"_{cluster}._tcp", "SRV", *targets)

    def spoil(self, directory: Path, cluster: str) -> None:
        self.told.records[f"_{cluster}._tcp.{ZONE}.", "SRV"].append(f"0 1 0 a.{ZONE}.")

    def interrupt(self, directory: Path) -> None:
        self.told.faults["*"] = "SERVFAIL"

    def resume(self, directory: Path) -> None:
        self.told.faults.clear()
