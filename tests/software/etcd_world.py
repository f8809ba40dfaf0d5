"""Real etcds for tests and benchmarks: one or three members, with TLS and users if asked for.

Everything lies below one directory, listens on loopback, and is ended by number.
"""

import base64
import contextlib
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from lighthouse.discovery import Reading
from lighthouse.etcd.discovery import EtcdDiscovery
from lighthouse.node import Node
from lighthouse.service import Service
from tests.ports import free_port, free_ports
from tests.requirements import command, require
from tests.waiting import eventually

ETCD: Final = command("etcd") or "etcd"


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class Member:
    """One etcd process; it can be killed, frozen, wiped and started again."""

    def __init__(
        self, root: Path, name: str, ports: tuple[int, int], secure: bool, address: str
    ) -> None:
        self.address = address
        self.name, self.client_port, self.peer_port = name, *ports
        self.data, self.log = root / name, root / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.flags: list[str] = []
        self.url = f"{'https' if secure else 'http'}://{address}:{self.client_port}"
        self.peer_url = f"http://{address}:{self.peer_port}"

    def start(self, peers: str) -> None:
        words = [ETCD, "--name", self.name, "--data-dir", str(self.data), "--logger", "zap"]
        words += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        words += ["--listen-peer-urls", self.peer_url]
        words += ["--initial-advertise-peer-urls", self.peer_url, "--initial-cluster", peers]
        words += ["--heartbeat-interval", "100", "--election-timeout", "600", *self.flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wipe(self) -> None:
        """Forget all data; the member must not run."""
        assert not self.running
        shutil.rmtree(self.data)


class Etcd:
    """A cluster of members, and what an operator may do to it."""

    def __init__(
        self,
        root: Path,
        count: int = 1,
        secure: bool = False,
        flags: Sequence[str] = (),
        addresses: Sequence[str] = (),
    ) -> None:
        ports = free_ports(2 * count)
        self.root, self.secure = root, secure
        self.token = ""
        root.mkdir(parents=True, exist_ok=True)
        pairs = list(zip(ports[::2], ports[1::2], strict=True))
        places = addresses or ["127.0.0.1"] * count
        self.members = [
            Member(root, f"m{index}", pair, secure, address)
            for index, (pair, address) in enumerate(zip(pairs, places, strict=True))
        ]
        for member in self.members:
            member.flags = list(flags)

    @property
    def endpoints(self) -> list[str]:
        return [member.url for member in self.members]

    def start(self, *members: Member) -> None:
        """Start what does not run of these members, or of all; a majority answers then."""
        peers = ",".join(f"{member.name}={member.peer_url}" for member in self.members)
        for member in members or self.members:
            if not member.running:
                member.start(peers)
        self.ready()

    def ready(self) -> None:
        eventually(lambda: self.range("/") is not None, 30, "etcd to be ready")

    def close(self) -> None:
        for member in self.members:
            member.kill()

    def kill(self) -> None:
        self.close()

    def freeze(self) -> None:
        for member in self.members:
            member.freeze()

    def thaw(self) -> None:
        for member in self.members:
            member.thaw()

    def ask(
        self, target: str, request: dict[str, Any] | None = None, member: Member | None = None
    ) -> Any:
        """The answer of a member that runs; raises ``OSError`` for any other than 200."""
        member = member or next(member for member in self.members if member.running)
        address = (member.address, member.client_port)
        if self.secure:
            context = ssl._create_unverified_context()
            if (self.root / "client.pem").exists():
                context.load_cert_chain(self.root / "client.pem")
            kind: Any = http.client.HTTPSConnection(*address, timeout=2, context=context)
        else:
            kind = http.client.HTTPConnection(*address, timeout=2)
        try:
            if request is None:
                kind.request("GET", target)
            else:
                headers = {"Authorization": self.token} if self.token else {}
                kind.request("POST", target, json.dumps(request), headers)
            response = kind.getresponse()
            body = response.read()
            if response.status != 200:
                raise OSError(f"{target}: {response.status} {body!r}")
            return json.loads(body) if body[:1] == b"{" else body.decode()
        finally:
            kind.close()

    def put(self, key: str, value: str | bytes, lease: int = 0) -> int:
        """The revision of the put."""
        answer = self.ask("/v3/kv/put", {"key": b64(key), "value": b64(value), "lease": lease})
        return int(answer["header"]["revision"])

    def delete(self, key: str, prefix: bool = False) -> int:
        request = {"key": b64(key)}
        if prefix:
            request["range_end"] = b64(key[:-1] + chr(ord(key[-1]) + 1))
        return int(self.ask("/v3/kv/deleterange", request).get("deleted", 0))

    def range(self, prefix: str) -> dict[str, bytes]:
        """Keys and values below a prefix."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        answer = self.ask("/v3/kv/range", {"key": b64(prefix), "range_end": b64(end)})
        return {
            base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", ""))
            for kv in answer.get("kvs", ())
        }

    def transact(self, *puts: tuple[str, str], deletes: Sequence[str] = ()) -> int:
        """All of it in one revision."""
        actions: list[dict[str, Any]] = [
            {"request_put": {"key": b64(key), "value": b64(value)}} for key, value in puts
        ]
        actions += [{"request_delete_range": {"key": b64(key)}} for key in deletes]
        return int(self.ask("/v3/kv/txn", {"success": actions})["header"]["revision"])

    def compact(self) -> None:
        """Forget all history up to now."""
        revision = self.put("/compaction", "now")
        self.ask("/v3/kv/compaction", {"revision": revision, "physical": True})

    def leases(self) -> list[int]:
        answer = self.ask("/v3/lease/leases", {})
        return [int(lease["ID"]) for lease in answer.get("leases", ())]

    def revoke(self, lease: int) -> None:
        self.ask("/v3/lease/revoke", {"ID": lease})

    def leader(self) -> Member:
        for member in self.members:
            if member.running:
                answer = self.ask("/v3/maintenance/status", {}, member)
                found = answer.get("leader", "0")
                if found != "0" and found == answer["header"]["member_id"]:
                    return member
        raise OSError("no leader")

    def handled(self, method: str) -> int:
        """So many such calls were answered, well or badly, by the members that run."""
        sign = re.compile(rf'grpc_server_handled_total\{{.*grpc_method="{method}".*\}} (\S+)')
        texts = [self.ask("/metrics", None, one) for one in self.members if one.running]
        return sum(int(float(found)) for text in texts for found in sign.findall(text))

    def guard(self, user: str, password: str, prefix: str, rights: int = 2) -> None:
        """Ask everybody for a user from now on; this one may do with the prefix what rights say.

        0: read, 1: write, 2: both.
        """
        end = b64(prefix[:-1] + chr(ord(prefix[-1]) + 1))
        permission = {"permType": rights, "key": b64(prefix), "range_end": end}
        self.ask("/v3/auth/role/add", {"name": user})
        self.ask("/v3/auth/role/grant", {"name": user, "perm": permission})
        self.ask("/v3/auth/user/add", {"name": user, "password": password})
        self.ask("/v3/auth/user/grant", {"user": user, "role": user})
        with contextlib.suppress(OSError):
            self.ask("/v3/auth/user/add", {"name": "root", "password": "root"})
            self.ask("/v3/auth/role/add", {"name": "root"})
            self.ask("/v3/auth/user/grant", {"user": "root", "role": "root"})
            self.ask("/v3/auth/enable", {})
        answer = self.ask("/v3/auth/authenticate", {"name": "root", "password": "root"})
        self.token = answer["token"]


@contextlib.contextmanager
def running(root: Path, count: int = 1, **settings: Any) -> Iterator[Etcd]:
    """A cluster that is started, and ended in the end."""
    require("etcd")
    etcd = Etcd(root, count, **settings)
    try:
        etcd.start()
        yield etcd
    finally:
        etcd.close()


def record(port: int, host: str = "web-1", ip: str = "10.0.0.1", **fields: Any) -> str:
    return json.dumps({"host": host, "ip": ip, "port": port, **fields})


def service(name: str = "web", port: int = 80, ip: str = "10.0.0.9", **fields: Any) -> Service:
    return Service(name, port, Node("here", ip, port, **fields))


class World:
    """The discovery in this process, and all that it reported."""

    def __init__(self, etcd: Etcd, path: str, **config: Any) -> None:
        self.path = path
        self.readings: dict[str, Reading] = {}
        self.read_at: dict[str, float] = {}
        self.states: list[tuple[str, str]] = []
        self.reports = 0
        self.discovery = EtcdDiscovery()
        settings = {"endpoints": etcd.endpoints, "path": path, **config}
        self.discovery.validate_config(settings)
        self.discovery.apply_config(settings)
        self.connect()

    def connect(self) -> None:
        self.discovery.connect(self._read, lambda *state: self.states.append(state))

    def _read(self, cluster: str, reading: Reading) -> None:
        self.readings[cluster] = reading
        self.read_at[cluster] = time.perf_counter()
        self.reports += 1

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.discovery.status())

    def ports(self, cluster: str = "web") -> list[int]:
        return sorted(node.port for node in self.readings[cluster].nodes)

    def until_ports(self, *ports: int, cluster: str = "web", within: float = 15.0) -> None:
        eventually(
            lambda: cluster in self.readings and self.ports(cluster) == list(ports),
            within,
            f"{cluster} to be {ports}; {self.readings.get(cluster)} {self.states}",
        )

    def until(self, condition: Callable[[], object], within: float = 15.0) -> None:
        eventually(condition, within, f"{self.states} {self.status}")

    def until_state(self, state: str, text: str = "", within: float = 15.0) -> None:
        """Wait for the newest state to be this one, with these words in its reason."""
        self.until(
            lambda: self.states and self.states[-1][0] == state and text in self.states[-1][1],
            within,
        )


@contextlib.contextmanager
def following(etcd: Etcd, path: str, *clusters: str, **config: Any) -> Iterator[World]:
    """A discovery that watches these clusters."""
    world = World(etcd, path, **config)
    try:
        for cluster in clusters or ("web",):
            world.discovery.start_watching(cluster)
        yield world
    finally:
        world.discovery.disconnect()


class Relay:
    """A port that leads to a member; it can swallow events, or fall silent.

    ``mute_watches`` silences only the watches that there are, and nothing that comes later.
    """

    def __init__(self, target: int) -> None:
        self.swallow = False
        self.silent = False
        self._watches: list[socket.socket] = []
        self._muted: list[socket.socket] = []
        self.swallowed = 0
        self._target = target
        self.port = free_port()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.mend()

    @property
    def endpoints(self) -> list[str]:
        return [f"http://127.0.0.1:{self.port}"]

    def mute_watches(self) -> int:
        """How many there are."""
        self._muted += self._watches
        return len(self._watches)

    def mend(self) -> None:
        """Take connections."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._begin(self._accept)

    def close(self) -> None:
        """Cut all connections, and take none any more."""
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)
        self._sockets.clear()
        self._threads.clear()

    def _begin(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                self._begin(self._pass, near, far, False)
                self._begin(self._pass, far, near, True)

    def _pass(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not back and data.startswith(b"POST /v3/watch"):
                    self._watches.append(sink)
                if source in self._muted:
                    continue
                if back and self.swallow and b'"events"' in data:
                    self.swallowed += 1
                elif not self.silent:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relaying(etcd: Etcd) -> Iterator[Relay]:
    """A relay to the only member."""
    relay = Relay(etcd.members[0].client_port)
    try:
        yield relay
    finally:
        relay.close()
