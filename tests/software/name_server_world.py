"""The ``dns`` balancer in this process, and the resolvers of others that are pointed at it."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lighthouse.balancer import Outcome
from lighthouse.cluster import Cluster
from lighthouse.dns.balancer import NameServer
from lighthouse.node import Node, parse
from tests.ports import free_port
from tests.requirements import command
from tests.software.daemon import Daemon

ZONE = "lh.internal"

_NODE = """
const {{ Resolver }} = require('dns').promises;
const resolver = new Resolver({{ timeout: 500, tries: 2 }});
resolver.setServers(['127.0.0.1:{port}']);
const asked = {asked};
Promise.all(asked.map(([method, name]) =>
    resolver[method](name).catch(error => error.code)))
    .then(found => console.log(JSON.stringify(found)));
"""


class NamedClusters:
    """A name server on a free port of 127.0.0.1, and what is asked of it with ``dig``."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.port = free_port()
        self.state = directory / "state.json"
        self.config = {
            "zone": ZONE,
            "state_file": str(self.state),
            "listen": [f"127.0.0.1:{self.port}"],
            **settings,
        }
        self.plugin = NameServer()
        self.apply()

    def apply(self, **settings: Any) -> None:
        self.config |= settings
        self.plugin.validate_config(self.config)
        self.plugin.apply_config(self.config)

    def serve(self, *clusters: Cluster) -> Outcome:
        return self.plugin.sync_file(list(clusters))

    def again(self) -> None:
        """As after the death of the worker: a new plugin with the same config."""
        self.plugin.close()
        self.plugin = NameServer()
        self.apply()

    def dig(self, name: str, kind: str = "A", *options: str) -> list[str]:
        return dig(self.port, name, kind, *options)


def web(*ips: str, name: str = "web", port: int = 8000, known: bool = True) -> Cluster:
    """A cluster with a node at each address, named by its number."""
    nodes = [parse({"host": f"n{i}", "ip": ip, "port": port}) for i, ip in enumerate(ips)]
    return Cluster(name, list(nodes), {}, known)


def of(*nodes: Node, name: str = "web", **config: Any) -> Cluster:
    return Cluster(name, list(nodes), config)


@contextlib.contextmanager
def naming(directory: Path, **settings: Any) -> Iterator[NamedClusters]:
    made = NamedClusters(directory, **settings)
    try:
        yield made
    finally:
        made.plugin.close()


def by_node(port: int, *asked: tuple[str, str]) -> list[Any]:
    """What the resolver of Node.js answers to each (method, name), or its error's code."""
    script = _NODE.format(port=port, asked=json.dumps(asked))
    done = subprocess.run(
        ["node", "-e", script], capture_output=True, text=True, timeout=30, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def unbound(directory: Path, port: int) -> Iterator[int]:
    """Unbound's port, with the zone as a stub zone at the name server's port."""
    own = free_port()
    config = directory / "unbound.conf"
    config.write_text(
        f"""server:
 interface: 127.0.0.1
 port: {own}
 username: ""
 chroot: ""
 directory: "{directory}"
 pidfile: ""
 do-daemonize: no
 use-syslog: no
 do-not-query-localhost: no
 module-config: "iterator"
 local-zone: "internal." nodefault
stub-zone:
 name: "{ZONE}"
 stub-addr: 127.0.0.1@{port}
 stub-no-cache: no
remote-control:
 control-enable: no
"""
    )
    binary = command("unbound") or "unbound"
    with _resolver([binary, "-d", "-p", "-c", str(config)], directory / "unbound.log", own):
        yield own


@contextlib.contextmanager
def dnsmasq(directory: Path, port: int) -> Iterator[int]:
    """The port of a dnsmasq that forwards the zone to the name server's port."""
    own = free_port()
    line = [command("dnsmasq") or "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"]
    line += [f"--port={own}", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv"]
    line += ["--no-hosts", f"--server=/{ZONE}/127.0.0.1#{port}", "--pid-file="]
    line += ["--user=root"] if os.geteuid() == 0 else []
    with _resolver(line, directory / "dnsmasq.log", own):
        yield own


@contextlib.contextmanager
def _resolver(line: list[str], log: Path, port: int) -> Iterator[None]:
    daemon = Daemon(line, log)
    try:
        daemon.up(lambda: dig(port, f"nothing.{ZONE}"))
        yield
    finally:
        daemon.close()


def dig(port: int, name: str, kind: str = "A", *options: str) -> list[str]:
    """The lines of a server's answer, sorted; its code alone if that is no NOERROR.

    Empty also if there is no answer at all.
    """
    words = ["dig", "@127.0.0.1", "-p", str(port), "+tries=1", "+time=15", *options]
    done = subprocess.run(
        [*words, "+noall", "+comments", "+answer", name, kind],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    code = done.stdout.partition("status: ")[2].partition(",")[0]
    lines = [line for line in done.stdout.splitlines() if line and line[0] != ";"]
    if code != "NOERROR":
        return [code] if code else []
    return sorted(line.split("\t")[-1] for line in lines)
