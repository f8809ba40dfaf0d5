"""Several real RabbitMQ nodes on one machine, which may form a cluster.

They have one port mapper and one cookie.

Each node has a directory of its own with a ``conf.d`` of which it reads every file, and a
``rabbitmqctl`` that finds it: the real one, told by a line of shell where the port mapper is.
"""

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lighthouse.rabbitmq.topology import Topology, read
from tests.ports import free_ports
from tests.software.daemon import Daemon, Directory, account, as_user
from tests.software.rabbitmq_world import BIN, EPMD, listening
from tests.waiting import eventually

COOKIE = "LIGHTHOUSETESTCOOKIE"
PROGRAM = """#!/bin/sh
export HOME={home} ERL_EPMD_PORT={mapper} ERL_EPMD_ADDRESS=127.0.0.1 LC_ALL=C.UTF-8
export RABBITMQ_CONF_ENV_FILE=/dev/null
echo "$3" >> {calls}
exec {bin}/rabbitmqctl "$@"
"""


class BrokerNode:
    """One node, ``NAME@localhost``, with a directory below that of its cluster."""

    def __init__(self, root: Directory, name: str, mapper: int) -> None:
        self.name = f"{name}@localhost"
        self.path = root.path / name
        self._root, self._mapper = root, mapper
        self.port, self._dist_port = free_ports(2)
        self._daemon: Daemon | None = None
        for path in (self.path, self.confd):
            path.mkdir()
            root.own(path)
        self._write("enabled_plugins", "[].")
        self._write(
            "conf.d/10-test.conf",
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "log.console = true\n"
            "log.file = false\n"
            "disk_free_limit.absolute = 1MB\n",
        )
        self.rabbitmqctl = self.program("rabbitmqctl", root.path)

    @property
    def confd(self) -> Path:
        return self.path / "conf.d"

    @property
    def settings(self) -> dict[str, Any]:
        """What the balancer's file says on this node's host; it looks at each sync."""
        cookie = self._root.path / ".erlang.cookie"
        return {
            "peers_file": str(self.confd / "90-lighthouse.conf"),
            "rabbitmqctl": str(self.rabbitmqctl),
            "local_node": self.name,
            "state_file": str(self.path / "state.json"),
            "cookie_file": str(cookie),
            "user": pwd.getpwuid(cookie.stat().st_uid).pw_name,
            "interval": 0,
        }

    @property
    def calls(self) -> list[str]:
        """The commands that were given by way of ``rabbitmqctl``."""
        kept = self.path / "calls"
        return kept.read_text().split() if kept.exists() else []

    def program(self, name: str, home: Path) -> Path:
        """A ``rabbitmqctl`` that goes by the cookie in a home."""
        made = self.path / name
        calls = self.path / "calls"
        made.write_text(PROGRAM.format(home=home, mapper=self._mapper, calls=calls, bin=BIN))
        made.chmod(0o755)
        return self._root.own(made)

    def start(self) -> "BrokerNode":
        """Begin to boot; ``up`` waits for it."""
        command = [str(BIN / "rabbitmq-server")]
        env = self._environment()
        self._daemon = Daemon(command, self.path / "log", self._root.user, env)
        return self

    def up(self, within: float = 90.0) -> "BrokerNode":
        assert self._daemon is not None
        self._daemon.up(lambda: "Server startup complete" in self.log()[self._begun :], within)
        self._begun = len(self.log())
        return self

    _begun = 0

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self._daemon is not None
        self._daemon.close(signal.SIGKILL)
        self._daemon, self._begun = None, len(self.log())

    def close(self) -> None:
        if self._daemon is not None:
            self.kill()

    def log(self) -> str:
        kept = self.path / "log"
        return kept.read_text(errors="replace") if kept.exists() else ""

    def control(self, *words: str, program: str = "rabbitmqctl", fails: bool = False) -> str:
        """What a command printed; it has to go well unless it ``fails``."""
        made = subprocess.run(
            [str(BIN / program), "-n", self.name, *words],
            capture_output=True,
            text=True,
            env=self._environment(),
            cwd=self.path,
            check=False,
            **as_user(self._root.user),
        )
        assert fails or made.returncode == 0, made.stdout + made.stderr
        return str(made.stdout if made.returncode == 0 else made.stdout + made.stderr)

    def topology(self) -> Topology:
        """The cluster as this node sees it."""
        return read(self.control("cluster_status", "--formatter", "json"))

    def sees(self, *names: str, within: float = 60.0) -> None:
        """Wait until exactly these are members by its own account."""
        wanted = [f"{name}@localhost" for name in names]
        eventually(lambda: sorted(self.topology().disk_nodes) == wanted, within, f"{wanted}")

    def _write(self, name: str, text: str) -> None:
        made = self.path / name
        made.write_text(text)
        self._root.own(made)

    def _environment(self) -> Mapping[str, str]:
        own = {
            "HOME": str(self._root.path),
            "ERL_EPMD_PORT": str(self._mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.path / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.path),
            "RABBITMQ_CONFIG_FILES": str(self.confd),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(self.path / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.path / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "LC_ALL": "C.UTF-8",
        }
        return {**os.environ, **own}


class Brokers:
    """The nodes of a test by name, none of which runs yet."""

    def __init__(self, *names: str) -> None:
        self.directory = Directory(account("rabbitmq"))
        cookie = self.directory.path / ".erlang.cookie"
        cookie.write_text(COOKIE)
        cookie.chmod(0o400)
        self.cookie = self.directory.own(cookie)
        (mapper,) = free_ports(1)
        assert EPMD is not None
        self.nodes = {name: BrokerNode(self.directory, name, mapper) for name in names}
        words = [EPMD, "-port", str(mapper), "-address", "127.0.0.1"]
        log = self.directory.path / "epmd.log"
        self._mapper = Daemon(words, log, self.directory.user)
        self._mapper.up(lambda: listening(mapper))

    def __getitem__(self, name: str) -> BrokerNode:
        return self.nodes[name]

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()
        self._mapper.close(signal.SIGKILL)
        self.directory.close()


@contextlib.contextmanager
def brokers(*names: str) -> Iterator[Brokers]:
    found = Brokers(*names)
    try:
        yield found
    finally:
        found.close()
