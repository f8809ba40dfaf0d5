"""RabbitMQ nodes on hosts of their own: network namespaces whose cables can be pulled."""

import contextlib
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.network import Network, network
from tests.software.daemon import Daemon, Directory, account
from tests.software.rabbitmq_cluster import COOKIE, BrokerNode
from tests.software.rabbitmq_world import BIN, EPMD, listening

_PORTS = {"epmd": 4369, "amqp": 5672, "dist": 25672}
_PROGRAM = """#!/bin/sh
export HOME={home} RABBITMQ_USE_LONGNAME=true LC_ALL=C.UTF-8 RABBITMQ_CONF_ENV_FILE=/dev/null
echo "$3" >> {calls}
exec nsenter --net={space} {bin}/rabbitmqctl "$@"
"""


class DistantBroker(BrokerNode):
    """A node on a host of its own, called by that host's address."""

    def __init__(self, root: Directory, name: str, hosts: Network) -> None:
        self._hosts, self._host = hosts, name
        super().__init__(root, name, _PORTS["epmd"])
        self.name = f"{name}@{hosts.address(name)}"
        self.port, self._dist_port = _PORTS["amqp"], _PORTS["dist"]
        self.configure(f"listeners.tcp.1 = {hosts.address(name)}:{self.port}")

    def configure(self, listener: str) -> None:
        """Write its configuration: what is noticed of a pulled cable is noticed soon."""
        self._write(
            "conf.d/10-test.conf",
            f"{listener}\nlog.console = true\nlog.file = false\ndisk_free_limit.absolute = 1MB\n"
            "net_ticktime = 5\ncluster_partition_handling = ignore\n",
        )

    def program(self, name: str, home: Path) -> Path:
        made = self.path / name
        space = f"/run/netns/{self._hosts.space(self._host)}"
        words = {"home": home, "calls": self.path / "calls", "space": space, "bin": BIN}
        made.write_text(_PROGRAM.format(**words))
        made.chmod(0o755)
        return self._root.own(made)

    def start(self) -> "DistantBroker":
        with self._hosts.inside(self._host):
            if self._mapped is None:
                assert EPMD is not None
                log = self.path / "epmd.log"
                self._mapped = Daemon([EPMD], log, self._root.user)
                self._mapped.up(lambda: listening(_PORTS["epmd"]))
            super().start()
        return self

    def control(self, *words: str, program: str = "rabbitmqctl", fails: bool = False) -> str:
        with self._hosts.inside(self._host):
            return super().control(*words, program=program, fails=fails)

    def close(self) -> None:
        super().close()
        if self._mapped is not None:
            self._mapped.close(signal.SIGKILL)

    _mapped: Daemon | None = None

    def _environment(self) -> Mapping[str, str]:
        own = {"RABBITMQ_USE_LONGNAME": "true"}
        given = super()._environment()
        return {key: given[key] for key in given if key != "ERL_EPMD_ADDRESS"} | own


class DistantBrokers:
    """The nodes by name, none of which runs yet, and the network between them."""

    def __init__(self, hosts: Network, names: tuple[str, ...]) -> None:
        self.hosts = hosts
        self.directory = Directory(account("rabbitmq"))
        cookie = self.directory.path / ".erlang.cookie"
        cookie.write_text(COOKIE)
        cookie.chmod(0o400)
        self.directory.own(cookie)
        self.nodes = {name: DistantBroker(self.directory, name, hosts) for name in names}

    def __getitem__(self, name: str) -> DistantBroker:
        return self.nodes[name]

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()
        self.directory.close()


@contextlib.contextmanager
def distant_brokers(*names: str) -> Iterator[DistantBrokers]:
    with network(*names) as hosts:
        found = DistantBrokers(hosts, names)
        try:
            yield found
        finally:
            found.close()
