"""The demonstration's configuration: a whole tree in a temporary directory."""

import contextlib
import json
import os
import random
import socket
from pathlib import Path
from typing import Final

import msgspec

from lighthouse.demo.traffic import SERVER

STUCK: Final = "stuck"
"""The name of the plugin that hangs."""

_MODULE: Final = "lighthouse_demo_stuck"

_PLUGIN: Final = '''\
"""A balancer that never returns."""

import time

from lighthouse import hookimpl
from lighthouse.balancer import Balancer


class Stuck(Balancer):
    def sync_file(self, clusters):
        while True:
            time.sleep(3600)


@hookimpl
def lighthouse_balancer():
    return Stuck
'''

_CLUSTER: Final = """\
discovery: nodes
haproxy:
  port: {port}
  backend:
    - balance roundrobin
    - http-after-response set-header {header} %s
"""

_SERVICE: Final = """\
discovery: nodes
ports: {ports}
flap_damping: false
checks:
  interval: 0.25
  timeout: 1
  http:
    uri: /health
"""

_BALANCER: Final = """\
config_file: {root}/haproxy/haproxy.cfg
socket_file: {root}/haproxy/haproxy.sock
pid_file: {root}/haproxy/haproxy.pid
bind_address: 127.0.0.1
defaults:
  - mode http
  - timeout connect 2s
  - timeout client 30s
  - timeout server 30s
"""

_CANDIDATES: Final = range(20000, 30000)

_DAEMON: Final = """\
run_dir: run
state_dir: state
advertise: 127.0.0.1
"""


class Plan(msgspec.Struct, frozen=True):
    """Who listens where: for each cluster HAProxy's port and its services' ports.

    ``spare`` is the port of a service that no file knows of at first.
    """

    fronts: dict[str, int]
    services: dict[str, tuple[int, ...]]
    spare: int


def choose() -> Plan:
    """Free ports of the loopback interface; raises ``OSError`` if there are not enough."""
    ports = iter(free_ports(8))
    fronts = {"web": next(ports), "api": next(ports)}
    web = (next(ports), next(ports), next(ports))
    return Plan(fronts, {"web": web, "api": (next(ports), next(ports))}, next(ports))


class DemoTree:
    """The files below ``root``; each is put in place by a rename, as one should."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root / "lighthouse"
        self.plugins: Final = root / "plugins"
        self.nodes: Final = root / "nodes"
        self.haproxy: Final = self.root / "haproxy"

    def write(self, plan: Plan) -> None:
        """All files but the bad plugin's."""
        self.haproxy.mkdir(parents=True)
        self.nodes.mkdir()
        self._put("lighthouse.yaml", _DAEMON)
        self._put("balancers/haproxy.yaml", _BALANCER.format(root=self.root))
        self._put("discovery/nodes.yaml", f"plugin: file\npath: {self.nodes}\n")
        for cluster, port in plan.fronts.items():
            self._put(f"clusters/{cluster}.yaml", _CLUSTER.format(port=port, header=SERVER))
            ports = list(plan.services[cluster])
            self._put(f"services/{cluster}.yaml", _SERVICE.format(ports=ports))
        self._install_plugin()

    def add_node(self, cluster: str, port: int) -> Path:
        """A node that nobody checks, as configuration management would put it there."""
        path = self.nodes / cluster / f"by-hand-{port}.json"
        record = {"host": "by-hand", "ip": "127.0.0.1", "port": port}
        _place(path, json.dumps(record))
        return path

    def hang_plugin(self) -> None:
        """Have the daemon start the bad plugin."""
        self._put(f"balancers/{STUCK}.yaml", "worker:\n  sync_timeout: 1\n  stop_timeout: 0.5\n")

    def remove_plugin(self) -> None:
        (self.root / f"balancers/{STUCK}.yaml").unlink()

    def _put(self, name: str, text: str) -> None:
        _place(self.root / name, text)

    def _install_plugin(self) -> None:
        """What ``pip install`` would leave behind: a module and its entry point."""
        _place(self.plugins / f"{_MODULE}.py", _PLUGIN)
        info = self.plugins / f"{_MODULE}-1.0.dist-info"
        _place(info / "METADATA", f"Metadata-Version: 2.1\nName: {_MODULE}\nVersion: 1.0\n")
        _place(info / "entry_points.txt", f"[lighthouse.balancers]\n{STUCK} = {_MODULE}\n")


def _place(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, below those that the kernel hands out to clients."""
    found: list[int] = []
    for port in random.sample(_CANDIDATES, len(_CANDIDATES)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError("there are no free ports on 127.0.0.1")
