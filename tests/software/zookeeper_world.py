"""Real ZooKeeper servers for tests and benchmarks: one alone, or an ensemble.

Each is a JVM of its own in a session of its own, ended by number. Sessions may be short
(``tickTime`` is 100 ms), so that what takes half a minute in a fleet takes seconds here.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from kazoo.client import KazooClient

from tests.ports import free_ports
from tests.waiting import eventually

JAR: Final = Path("/usr/share/java/zookeeper.jar")
JARS: Final = (
    str(JAR),
    "/usr/share/java/slf4j-simple.jar",
    *(f"/usr/share/java/netty-{part}.jar" for part in ("codec", "resolver", "transport")),
)
JVM: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Xmx128m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dzookeeper.admin.enableServer=false",
)

TICK: Final = 100
"""Milliseconds; a session lasts at least two of these."""

NETTY: Final = "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory"


class Server:
    """One ZooKeeper server, started and ended as often as a test likes.

    ``peers`` are the quorum lines of an ensemble. ``certificate`` (a PEM file with its key)
    has it speak TLS too, on ``secure_port``, and only with clients that show the same one if it
    is ``mutual``. ``flags`` are further ones of the JVM. ``synced`` has it write to the disk for
    real.
    """

    def __init__(
        self,
        directory: Path,
        number: int = 1,
        port: int = 0,
        peers: Sequence[str] = (),
        certificate: Path | None = None,
        mutual: bool = False,
        synced: bool = False,
        flags: Sequence[str] = (),
        address: str = "127.0.0.1",
    ) -> None:
        self.directory: Final = directory
        self.address: Final = address
        self.number: Final = number
        self.port, self.secure_port = free_ports(2)
        self.port = port or self.port
        self.peers: Final = tuple(peers)
        self.certificate: Final = certificate
        self.mutual: Final = mutual
        self.synced: Final = synced
        self.flags: Final = tuple(flags)
        self.process: subprocess.Popen[bytes] | None = None
        self.asked = 0

    @property
    def host(self) -> str:
        """What a client's list of hosts says."""
        return f"{self.address}:{self.port}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def start(self) -> "Server":
        """Start it; it may not serve yet."""
        assert self.process is None, "it runs already"
        self.asked = 0
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "myid").write_text(str(self.number))
        config = self.directory / "zoo.cfg"
        config.write_text("\n".join(self._config(data)) + "\n")
        sync = "yes" if self.synced else "no"
        words = ["java", *JVM, *self.flags, f"-Dzookeeper.forceSync={sync}", "-cp", ":".join(JARS)]
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, main, str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        return self

    def ready(self, within: float = 40.0) -> "Server":
        """Wait until it serves clients."""
        eventually(lambda: "Mode:" in self.ask("srvr"), within, f"{self.host} serves")
        if self.certificate is not None:
            eventually(self._secure, within, "it serves TLS too")
        return self

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does; nothing happens if it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wipe(self) -> None:
        """Have it forget everything; it must not run."""
        assert self.process is None
        shutil.rmtree(self.directory / "data")

    def ask(self, word: str) -> str:
        """The answer to a four-letter command; raises ``OSError`` if there is none."""
        with socket.create_connection((self.address, self.port), 2) as connection:
            self.asked += 1
            connection.sendall(word.encode())
            answer = b""
            while data := connection.recv(65536):
                answer += data
        return answer.decode(errors="replace")

    def figures(self) -> dict[str, float]:
        """The numbers of ``mntr``, without their prefix."""
        found = {}
        for line in self.ask("mntr").splitlines():
            key, _, value = line.partition("\t")
            with contextlib.suppress(ValueError):
                found[key.removeprefix("zk_")] = float(value)
        return found

    def _secure(self) -> bool:
        socket.create_connection((self.address, self.secure_port), 2).close()
        return True

    def _config(self, data: Path) -> Iterator[str]:
        yield f"dataDir={data}"
        yield f"tickTime={TICK}"
        yield "initLimit=50"
        yield "syncLimit=20"
        yield f"clientPort={self.port}"
        yield f"clientPortAddress={self.address}"
        yield "minSessionTimeout=200"
        yield "maxSessionTimeout=60000"
        yield "maxClientCnxns=0"
        yield "4lw.commands.whitelist=*"
        yield from self.peers
        if self.certificate is not None:
            yield NETTY
            yield f"ssl.clientAuth={'need' if self.mutual else 'none'}"
            yield f"secureClientPort={self.secure_port}"
            yield f"secureClientPortAddress={self.address}"
            yield f"ssl.keyStore.location={self.certificate}"
            yield f"ssl.trustStore.location={self.certificate}"


class Ensemble:
    """Several servers that make up one ZooKeeper; a single one stands alone.

    ``addresses`` are where they listen, one after the other.
    """

    def __init__(
        self, directory: Path, size: int, synced: bool = False, addresses: Sequence[str] = ()
    ) -> None:
        ports = free_ports(3 * size)
        places = addresses or ["127.0.0.1"] * size
        triples = [ports[3 * number : 3 * number + 3] for number in range(size)]
        peers = [
            f"server.{number}={address}:{quorum}:{election}"
            for number, (address, (_, quorum, election)) in enumerate(
                zip(places, triples, strict=True), 1
            )
        ]
        self.servers: Final = [
            Server(
                directory / f"zk{number}",
                number,
                port,
                peers if size > 1 else (),
                synced=synced,
                address=address,
            )
            for number, (address, (port, _, _)) in enumerate(zip(places, triples, strict=True), 1)
        ]

    @property
    def hosts(self) -> list[str]:
        return [server.host for server in self.servers]

    def start(self) -> "Ensemble":
        """Start those that do not run, and wait until all serve."""
        for server in self.servers:
            if server.process is None:
                server.start()
        for server in self.servers:
            server.ready()
        return self

    def settle(self, within: float = 15.0) -> None:
        """Have all serve again that were stopped and go on.

        One that does not is ended and started anew: on a loaded machine a ZooKeeper was seen
        to stay without an answer for its clients, though it follows its leader.
        """
        for server in self.servers:
            try:
                server.ready(within)
            except AssertionError:
                server.kill()
                server.start().ready()

    def leader(self) -> Server:
        """The leader, once there is one."""
        return eventually(lambda: self._with_mode("leader"), 30, "a leader")[0]

    def followers(self) -> list[Server]:
        return self._with_mode("follower")

    def close(self) -> None:
        """End all of them."""
        for server in self.servers:
            server.kill()

    def client(self, timeout: float = 20.0) -> KazooClient:
        """A client of its own, connected."""
        client = KazooClient(",".join(self.hosts), timeout=timeout)
        client.start(30)
        return client

    def packets(self) -> int:
        """Requests that all servers have received since they started, but for our questions."""
        return sum(
            int(server.figures()["packets_received"]) - server.asked for server in self.servers
        )

    def _with_mode(self, mode: str) -> list[Server]:
        found = []
        for server in self.servers:
            with contextlib.suppress(OSError):
                if f"Mode: {mode}" in server.ask("srvr"):
                    found.append(server)
        return found


@contextlib.contextmanager
def ensemble(directory: Path, size: int = 1, synced: bool = False) -> Iterator[Ensemble]:
    """So many servers that serve, ended with the block."""
    made = Ensemble(directory, size, synced)
    try:
        yield made.start()
    finally:
        made.close()


@contextlib.contextmanager
def client(made: Ensemble) -> Iterator[KazooClient]:
    """A client of the ensemble, closed with the block."""
    found = made.client()
    try:
        yield found
    finally:
        with contextlib.suppress(Exception):
            found.stop()
            found.close()


def expire(client_id: tuple[int, bytes], hosts: Sequence[str]) -> None:
    """End somebody's session from outside: take it over, then close it."""
    other = KazooClient(",".join(hosts), client_id=client_id, timeout=5)
    other.start(15)
    other.stop()
    other.close()


def password(session: int) -> bytes:
    """The password of a session, which ZooKeeper makes from its number with Java's ``Random``."""
    multiplier, mask = 0x5DEECE66D, 2**48 - 1
    seed = (session ^ 0xB3415C00 ^ multiplier) & mask
    made = b""
    while len(made) < 16:
        seed = (seed * multiplier + 0xB) & mask
        made += (seed >> 16 & 0xFFFFFFFF).to_bytes(4, "little")
    return made
