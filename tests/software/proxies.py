"""The software that the bundled balancers serve, each driven in the same way by the daemon."""

import contextlib
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from lighthouse.envoy.schema.settings import parse_settings
from tests.fleet import Fleet
from tests.ports import free_port
from tests.software.envoy_world import put_down
from tests.software.nginx_world import DEBIAN, WHEEL, NginxWorld
from tests.waiting import eventually

PROBED: str = "web"
ZONE: str = "lh.internal"

_ANY = "server {{ listen 127.0.0.1:{port}; server_name ~^(?<c>.+)$; location / {{ {passes} }} }}"


class Proxied(ABC):
    """A fleet whose clusters are served by one kind of software.

    Every node listens on ``answering`` at an address of its own, and answers with that address.
    """

    name: ClassVar[str]
    calm: ClassVar[int] = 1
    """How many times fewer samples are taken of it: a change takes a second or so."""

    worker: ClassVar[str]
    """The balancer's worker."""

    wrong: ClassVar[dict[str, Any]]
    """What a cluster's section may not say, the balancer or its software finds."""

    def __init__(self, fleet: Fleet, answering: int) -> None:
        self.fleet = fleet
        self.answering = answering

    @property
    @abstractmethod
    def kept(self) -> Path:
        """The directory into which the balancer writes; it is there before the daemon."""

    def cluster(self, name: str, **section: Any) -> None:
        """Have a cluster served; its section may say more than it must."""
        sections = self.sections(name)
        sections[self.worker] |= section
        content = {"discovery": "files", "shrink_guard": False, **sections}
        self.fleet.write(f"clusters/{name}.yaml", content)

    @abstractmethod
    def sections(self, name: str) -> dict[str, Any]:
        """What a cluster's file says to the balancers."""

    @abstractmethod
    def begin(self) -> None:
        """Start the daemon, and what it does not start itself."""

    def place(self, name: str) -> int:
        """The port at which a cluster is served."""
        return self.fleet.ports[name]

    def node(self, cluster: str, ip: str) -> None:
        """The one node of a cluster that comes and goes is here now."""
        self.fleet.node(cluster, "probe", self.answering, ip)

    def ask(self, cluster: str) -> str:
        """The address of the node that answers a request; empty if none does."""
        text = f"GET / HTTP/1.1\r\nHost: {cluster}\r\nConnection: close\r\n\r\n"
        data = b""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.place(cluster)), 5) as sock,
        ):
            sock.sendall(text.encode())
            while piece := sock.recv(4096):
                data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        return body.decode().strip() if head.startswith(b"HTTP/1.1 200") else ""

    @abstractmethod
    def close(self) -> None:
        """End what outlives the daemon, and is not the fleet's."""

    def _drop_haproxy(self) -> None:
        (self.fleet.config / "balancers/haproxy.yaml").unlink()


class ByHaproxy(Proxied):
    name = "HAProxy"
    worker = "haproxy"
    wrong: ClassVar = {"backend": ["nonsense"]}

    @property
    def kept(self) -> Path:
        return self.fleet.root

    def sections(self, name: str) -> dict[str, Any]:
        port = self.fleet.ports.setdefault(name, free_port())
        return {"haproxy": {"port": port, "backend": ["mode http"]}}

    def begin(self) -> None:
        self.fleet.start()

    def close(self) -> None:
        """The fleet has ended it."""


class ByEnvoy(Proxied):
    name = "Envoy"
    worker = "envoy"
    wrong: ClassVar = {"options": {"cluster": {"no_such_field": 1}}}

    def __init__(self, fleet: Fleet, answering: int) -> None:
        super().__init__(fleet, answering)
        self.kept.mkdir()
        config = {"directory": str(self.kept)}
        self._settings = parse_settings(config)
        self._drop_haproxy()
        fleet.write("balancers/envoy.yaml", config)

    @property
    def kept(self) -> Path:
        return self.fleet.root / "envoy"

    def sections(self, name: str) -> dict[str, Any]:
        return {"envoy": {"port": self.fleet.ports.setdefault(name, free_port())}}

    def begin(self) -> None:
        self.fleet.start()

    def close(self) -> None:
        put_down(self._settings)


class _ByNginx(Proxied):
    """Clusters that come later are reached through a server for any name."""

    calm = 5
    binary: ClassVar[str]

    def __init__(self, fleet: Fleet, answering: int) -> None:
        super().__init__(fleet, answering)
        (fleet.root / "nginx").mkdir()
        self._nginx = NginxWorld(fleet.root / "nginx", self.binary)
        self._any = free_port()
        self._drop_haproxy()

    def place(self, name: str) -> int:
        return self._nginx.port if name == PROBED else self._any

    def close(self) -> None:
        self._nginx.close()

    def _include(self, name: str, text: str) -> Path:
        path = self._nginx.directory / f"http.d/{name}.conf"
        path.write_text(text)
        return path


class ByReload(_ByNginx):
    name = "nginx by reload"
    worker = "nginx"
    wrong: ClassVar = {"balance": "nonsense"}
    binary = DEBIAN

    @property
    def kept(self) -> Path:
        return self._nginx.file.parent

    def sections(self, name: str) -> dict[str, Any]:
        return {"nginx": {}}

    def begin(self) -> None:
        self.fleet.write("balancers/nginx.yaml", self._nginx.settings)
        self._include("any", _ANY.format(port=self._any, passes="proxy_pass http://$c;"))
        self.fleet.start()
        eventually(lambda: self._nginx.file.exists(), 30)
        self._nginx.start()


class SparingIdle(ByReload):
    """From 1.27.4 on nginx may be told not to end idle connections at a reload."""

    name = "nginx by reload, sparing idle clients"
    binary = WHEEL

    def begin(self) -> None:
        self._include("idle", "keepalive_min_timeout 5s;")
        super().begin()


class KeepingNone(ByReload):
    """An older nginx that keeps no connections to clients has none to end."""

    name = "nginx by reload, without kept connections"

    def begin(self) -> None:
        self._include("idle", "keepalive_timeout 0;")
        super().begin()


class ByDns(_ByNginx):
    name = "nginx by DNS"
    worker = "dns"
    wrong: ClassVar = {"order": "nonsense"}
    binary = WHEEL

    def __init__(self, fleet: Fleet, answering: int) -> None:
        super().__init__(fleet, answering)
        self.kept.mkdir()

    @property
    def kept(self) -> Path:
        return self.fleet.root / "names"

    def sections(self, name: str) -> dict[str, Any]:
        return {"dns": {}}

    def begin(self) -> None:
        dns = free_port()
        state = str(self.kept / "dns.json")
        place = f"127.0.0.1:{dns}"
        settings = {"zone": ZONE, "state_file": state, "listen": [place], "ttl": 0}
        self.fleet.write("balancers/dns.yaml", settings)
        at = f"{PROBED}.{ZONE}:{self.answering}"
        self._include("resolver", f"resolver {place} valid=1s ipv6=off;")
        self._include("web", f"upstream {PROBED} {{ zone {PROBED} 256k; server {at} resolve; }}")
        passes = f"proxy_pass http://$c.{ZONE}:{self.answering};"
        self._include("any", _ANY.format(port=self._any, passes=passes))
        self.fleet.start()
        eventually(lambda: self.fleet.worker("dns")["status"].get("live"), 30)
        self._nginx.start()
