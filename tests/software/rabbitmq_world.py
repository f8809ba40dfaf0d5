"""A real RabbitMQ node on loopback, with a port mapper of its own.

Users: guest (administrator), ``app`` with password ``right`` and no tag, ``locked`` without
permissions; virtual hosts ``/`` and ``shop``.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_ports
from tests.software.daemon import Daemon, Directory, account, as_user

BIN = Path("/usr/lib/rabbitmq/bin")
EPMD = shutil.which("epmd")


class RabbitMQ:
    """One node, ``rabbit@localhost`` of its own small world."""

    def __init__(self) -> None:
        self.directory = Directory(account("rabbitmq"))
        ports = free_ports(5)
        self.port, self.tls_port, self.management_port, self._epmd_port, self._dist_port = ports
        self.name = f"lh{self.port}@localhost"
        self._epmd: Daemon | None = None
        self._node: Daemon | None = None

    def start(self, tls: tuple[Path, Path] | None = None) -> "RabbitMQ":
        root = self.directory.path
        self._write("definitions.json", json.dumps(_definitions()))
        self._write("enabled_plugins", "[].")
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            f"management.tcp.port = {self.management_port}",
            "management.tcp.ip = 127.0.0.1",
            f"load_definitions = {root / 'definitions.json'}",
            "log.console = true",
            "log.file = false",
            # What the check refuses depends on alarms, and on those that a test raises only.
            "disk_free_limit.absolute = 1MB",
            "vm_memory_high_watermark.absolute = 8GB",
        ]
        if tls is not None:
            cert, key = (self._write(path.name, path.read_text()) for path in tls)
            lines += [
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
                f"ssl_options.certfile = {cert}",
                f"ssl_options.keyfile = {key}",
            ]
        self._write("rabbitmq.conf", "\n".join(lines) + "\n")
        assert EPMD is not None
        user, env = self.directory.user, self._environment()
        mapper = [EPMD, "-port", str(self._epmd_port), "-address", "127.0.0.1"]
        self._epmd = Daemon(mapper, root / "epmd.log", user, env)
        self._epmd.up(lambda: listening(self._epmd_port))
        self._node = Daemon([str(BIN / "rabbitmq-server")], root / "log", user, env)
        self._node.up(lambda: "Server startup complete" in self.log())
        return self

    def send(self, number: signal.Signals) -> None:
        """A signal to the node."""
        assert self._node is not None
        self._node.send(number)

    def control(self, *words: str, program: str = "rabbitmqctl") -> str:
        """What a command about the node printed."""
        command = [str(BIN / program), "-n", self.name, *words]
        user, env = as_user(self.directory.user), self._environment()
        made = subprocess.run(
            command, capture_output=True, text=True, env=env, cwd=self.directory.path, **user
        )
        assert made.returncode == 0, made.stdout + made.stderr
        return str(made.stdout)

    def manage(self) -> None:
        """Enable the management plugin, once."""
        if not listening(self.management_port):
            self.control("enable", "rabbitmq_management", program="rabbitmq-plugins")

    def close(self) -> None:
        for daemon in (self._node, self._epmd):
            if daemon is not None:
                daemon.close(signal.SIGKILL)
        self.directory.close()

    def log(self) -> str:
        """All that the node logged."""
        return (self.directory.path / "log").read_text(errors="replace")

    def _write(self, name: str, text: str) -> Path:
        path = self.directory.path / name
        path.write_text(text)
        return self.directory.own(path)

    def _environment(self) -> dict[str, str]:
        root = self.directory.path
        own = {
            "HOME": str(root),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(root / "mnesia"),
            "RABBITMQ_LOG_BASE": str(root),
            "RABBITMQ_CONFIG_FILE": str(root / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(root / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(root / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
            "LC_ALL": "C.UTF-8",
        }
        return {**os.environ, **own}


def _definitions() -> dict[str, object]:
    """What the node knows from its first boot, so that no command has to say it."""
    users = (("guest", "guest", "administrator"), ("app", "right", ""), ("locked", "right", ""))
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [
            {
                "name": name,
                "password_hash": _hashed(password),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": tags,
            }
            for name, password, tags in users
        ],
        "vhosts": [{"name": "/"}, {"name": "shop"}],
        "permissions": [
            {"user": user, "vhost": vhost, **everything}
            for user, vhost in (("guest", "/"), ("app", "/"), ("app", "shop"))
        ],
    }


def _hashed(password: str) -> str:
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def listening(port: int) -> bool:
    """Return True if somebody listens at a port of loopback."""
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def rabbitmq(tls: tuple[Path, Path] | None = None) -> Iterator[RabbitMQ]:
    broker = RabbitMQ()
    try:
        yield broker.start(tls)
    finally:
        broker.close()
