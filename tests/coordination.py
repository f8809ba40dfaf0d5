"""ZooKeeper and etcd alike: three real servers, what may happen to them, and who writes there.

Tests of outages and the benchmark do the same to both; what is special to one of them is
tested beside its own world.
"""

import base64
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry

from tests.requirements import require
from tests.software import etcd_world, zookeeper_world
from tests.waiting import eventually

Record = Mapping[str, Any]
PATH: Final = "/lighthouse/services"


class Source(Protocol):
    """Writes as other hosts' daemons do it.

    ``config`` is what ``discovery/`` says of it, ``bare`` how the benchmark's floor finds it.
    """

    name: str
    config: dict[str, Any]
    bare: list[str]

    def load(self, cluster: str, records: Mapping[str, Record]) -> None:
        """Many nodes at once."""

    def put(self, cluster: str, name: str, record: Record) -> None: ...

    def remove(self, cluster: str, name: str) -> None: ...

    def records(self, cluster: str) -> list[Record]:
        """All that stands there now."""


class Servers(Protocol):
    """Three servers that make up one service."""

    def source(self) -> contextlib.AbstractContextManager[Source]:
        """A writer with a connection of its own."""

    def reads(self) -> int:
        """Reads that the servers which run have answered since they were started."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def settle(self) -> None:
        """Wait until those that go on serve, one way or another."""

    def kill(self, count: int = 3) -> None:
        """End so many of them as a power cut does, the leader first."""

    def start(self) -> None:
        """Start those that do not run; they may not serve yet."""

    def wipe(self) -> None:
        """Have those that do not run forget everything."""

    def forget_sessions(self) -> None:
        """End every session or lease that registered something, as if its owner were silent."""


@contextlib.contextmanager
def _outwardly() -> Iterator[None]:
    """What a client says of servers that are away is an ``OSError``."""
    try:
        yield
    except (KazooException, KazooTimeoutError, httpx.HTTPError) as error:
        raise OSError(repr(error)) from error


class ZooKeeper:
    """One znode for each node, as the 2016 lighthouse writes it."""

    name = "zookeeper"

    def __init__(self, hosts: str) -> None:
        retry = KazooRetry(max_tries=-1, delay=0.02, backoff=1)
        self._client = KazooClient(hosts=hosts, connection_retry=retry)
        with _outwardly():
            self._client.start(timeout=5)
        self.config = {"plugin": "zookeeper", "hosts": hosts.split(","), "path": PATH}
        self.bare = ["zookeeper", hosts, PATH]

    def close(self) -> None:
        self._client.stop()
        self._client.close()

    @_outwardly()
    def load(self, cluster: str, records: Mapping[str, Record]) -> None:
        self._client.ensure_path(f"{PATH}/{cluster}")
        pending = [
            self._client.create_async(f"{PATH}/{cluster}/{name}", json.dumps(record).encode())
            for name, record in records.items()
        ]
        for result in pending:
            result.get(timeout=60)

    @_outwardly()
    def put(self, cluster: str, name: str, record: Record) -> None:
        self._client.create(f"{PATH}/{cluster}/{name}", json.dumps(record).encode())

    @_outwardly()
    def remove(self, cluster: str, name: str) -> None:
        self._client.delete(f"{PATH}/{cluster}/{name}")

    def records(self, cluster: str) -> list[Record]:
        names = self._client.get_children(f"{PATH}/{cluster}")
        pending = [self._client.get_async(f"{PATH}/{cluster}/{name}") for name in names]
        return [json.loads(result.get(timeout=60)[0]) for result in pending]

    def wipe(self) -> None:
        self._client.delete(PATH, recursive=True)


class Etcd:
    """One key for each node."""

    name = "etcd"

    def __init__(self, running: list[str], endpoints: list[str]) -> None:
        self._clients = [
            httpx.Client(base_url=url, timeout=httpx.Timeout(5, connect=1)) for url in running
        ]
        self.config = {"plugin": "etcd", "endpoints": endpoints, "path": PATH}
        self.bare = ["etcd", running[0], PATH]

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def load(self, cluster: str, records: Mapping[str, Record]) -> None:
        puts = [{"requestPut": _pair(cluster, n, record)} for n, record in records.items()]
        for start in range(0, len(puts), 100):
            self._ask("kv/txn", {"success": puts[start : start + 100]})

    def put(self, cluster: str, name: str, record: Record) -> None:
        self._ask("kv/put", _pair(cluster, name, record))

    def remove(self, cluster: str, name: str) -> None:
        self._ask("kv/deleterange", {"key": _coded(f"{PATH}/{cluster}/{name}")})

    def records(self, cluster: str) -> list[Record]:
        first, last = f"{PATH}/{cluster}/", f"{PATH}/{cluster}0"
        found = self._ask("kv/range", {"key": _coded(first), "range_end": _coded(last)})
        return [json.loads(base64.b64decode(pair["value"])) for pair in found.get("kvs", [])]

    def wipe(self) -> None:
        first, last = _coded(f"{PATH}/"), _coded(f"{PATH}0")
        self._ask("kv/deleterange", {"key": first, "range_end": last})

    @_outwardly()
    def _ask(self, what: str, body: Any) -> Any:
        """The answer of the first member that has one; it stays the first to be asked."""
        failure: httpx.HTTPError | None = None
        for client in list(self._clients):
            try:
                answer = client.post(f"/v3/{what}", json=body)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                failure = error
                self._clients.append(self._clients.pop(0))
            else:
                return answer.json()
        raise failure or OSError("no member runs")


def _pair(cluster: str, name: str, record: Record) -> dict[str, str]:
    return {"key": _coded(f"{PATH}/{cluster}/{name}"), "value": _coded(json.dumps(record))}


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class ZooKeepers:
    def __init__(self, ensemble: zookeeper_world.Ensemble) -> None:
        self._ensemble = ensemble

    @contextlib.contextmanager
    def source(self) -> Iterator[Source]:
        source = ZooKeeper(",".join(self._ensemble.hosts))
        try:
            yield source
        finally:
            source.close()

    def reads(self) -> int:
        running = [server for server in self._ensemble.servers if server.process is not None]
        return sum(int(server.figures().get("cnt_readlatency", 0)) for server in running)

    def pause(self) -> None:
        for server in self._ensemble.servers:
            server.pause()

    def resume(self) -> None:
        for server in self._ensemble.servers:
            server.resume()

    def settle(self) -> None:
        self._ensemble.settle()

    def kill(self, count: int = 3) -> None:
        leader = self._ensemble.leader()
        for server in [leader, *self._ensemble.followers()][:count]:
            server.kill()

    def start(self) -> None:
        for server in self._ensemble.servers:
            if server.process is None:
                server.start()

    def wipe(self) -> None:
        for server in self._ensemble.servers:
            if server.process is None:
                server.wipe()

    def forget_sessions(self) -> None:
        dump = self._ensemble.leader().ask("dump")
        for found in re.findall(r"^(0x[0-9a-f]+):", dump, re.MULTILINE):
            session = int(found, 16)
            zookeeper_world.expire(
                (session, zookeeper_world.password(session)), self._ensemble.hosts
            )


class Etcds:
    def __init__(self, etcd: etcd_world.Etcd) -> None:
        self._etcd = etcd

    @contextlib.contextmanager
    def source(self) -> Iterator[Source]:
        running = [member.url for member in self._etcd.members if member.running]
        if not running:
            raise OSError("no member runs")
        source = Etcd(running, self._etcd.endpoints)
        try:
            yield source
        finally:
            source.close()

    def reads(self) -> int:
        return self._etcd.handled("Range")

    def pause(self) -> None:
        self._etcd.freeze()

    def resume(self) -> None:
        self._etcd.thaw()

    def settle(self) -> None:
        eventually(self._etcd.leader, 30, "a leader")

    def kill(self, count: int = 3) -> None:
        leader = eventually(self._etcd.leader, 30, "a leader")
        others = [member for member in self._etcd.members if member is not leader]
        for member in [leader, *others][:count]:
            member.kill()

    def start(self) -> None:
        members = self._etcd.members
        peers = ",".join(f"{member.name}={member.peer_url}" for member in members)
        for member in members:
            if not member.running:
                member.start(peers)

    def wipe(self) -> None:
        for member in self._etcd.members:
            if not member.running:
                member.wipe()

    def forget_sessions(self) -> None:
        for lease in self._etcd.leases():
            self._etcd.revoke(lease)


@contextlib.contextmanager
def zookeepers(root: Path) -> Iterator[Servers]:
    """Three ZooKeepers that serve."""
    require("zookeeper")
    with zookeeper_world.ensemble(root, 3) as ensemble:
        yield ZooKeepers(ensemble)


@contextlib.contextmanager
def etcds(root: Path) -> Iterator[Servers]:
    """Three etcd members that serve."""
    with etcd_world.running(root, 3) as etcd:
        yield Etcds(etcd)


KINDS: Final = {"zookeeper": zookeepers, "etcd": etcds}
