"""The content of ``discovery/NAME.yaml`` for ZooKeeper, and everything that may be wrong in it."""

import re
from typing import Annotated, Final, Literal

import msgspec

from lighthouse import secret
from lighthouse.net import tls as tcp_tls
from lighthouse.net.tls import Tls
from lighthouse.record import Format
from lighthouse.schema import Problem
from lighthouse.secret import Secret
from lighthouse.zookeeper.protocol import acl

PLACEHOLDER: Final = "{cluster}"

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9_.-]{0,252})(?::(\d{1,5}))?")
_STEP: Final = re.compile(r"[^/\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff]+")


class ZooKeeperAuth(msgspec.Struct, frozen=True):
    """A user of ZooKeeper's digest scheme.

    ``user`` is whom to be known as. ``password`` is where the password lies.
    """

    user: str
    password: Secret


class ZooKeeperSettings(msgspec.Struct, frozen=True):
    """``session_timeout`` and ``audit`` are seconds; the servers have the last word on the first.

    Within ``audit`` each cluster is listed once though nothing is known to have changed.

    ``hosts`` are the servers, as HOST:PORT. ``path`` is the znode below which clusters are.
    ``tls`` is for servers that want it. ``auth`` is who this host is to the servers. ``acl``
    is who may change what is registered: open (everybody), owner, or a list. ``format`` of
    records: lighthouse, or smartstack for those of nerve. ``haproxy_server_options`` takes
    options of servers from SmartStack's records.
    """

    hosts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    path: str
    tls: bool | Tls = False
    auth: ZooKeeperAuth | None = None
    acl: Literal["open", "owner"] | tuple[str, ...] = "open"
    session_timeout: Annotated[float, msgspec.Meta(ge=1, le=300)] = 10.0
    audit: Annotated[float, msgspec.Meta(ge=1, le=86400)] = 600.0
    format: Format = "lighthouse"
    haproxy_server_options: bool = False

    @property
    def user(self) -> str | None:
        """As whom the servers know us."""
        return None if self.auth is None else self.auth.user

    @property
    def steps(self) -> list[str]:
        """The path's parts, with the cluster's place in it."""
        steps = [step for step in self.path.split("/") if step]
        return steps if PLACEHOLDER in steps else [*steps, PLACEHOLDER]

    @property
    def base(self) -> str:
        """The znode above all clusters; it has to exist."""
        steps = self.steps
        return "/" + "/".join(steps[: steps.index(PLACEHOLDER)])

    def place(self, cluster: str) -> str:
        """The znode whose children are the cluster's nodes."""
        return "/" + "/".join(cluster if step == PLACEHOLDER else step for step in self.steps)


def problems(settings: ZooKeeperSettings) -> list[Problem]:
    """What is wrong beyond the types."""
    found = [*_host_problems(settings.hosts), *_path_problems(settings.path)]
    found += tcp_tls.problems(settings.tls)
    if settings.auth is not None:
        found += secret.problems(settings.auth.password, "auth", "password")
        if not settings.auth.user or ":" in settings.auth.user:
            found.append(Problem(("auth", "user"), "expected a name without ':'"))
    certificate = settings.tls.cert_file if isinstance(settings.tls, Tls) else None
    found += acl.problems(settings.acl, bool(settings.auth or certificate))
    if settings.haproxy_server_options and settings.format != "smartstack":
        message = "means nothing without 'format: smartstack'"
        found.append(Problem(("haproxy_server_options",), message))
    return found


def _host_problems(hosts: tuple[str, ...]) -> list[Problem]:
    found = []
    for index, host in enumerate(hosts):
        match = _HOST.fullmatch(host)
        if match is None:
            what = "expected host:port"
            what += "; a chroot belongs into 'path'" if "/" in host else ""
            found.append(Problem(("hosts", index), what))
        elif match[2] is not None and not 0 < int(match[2]) < 65536:
            found.append(Problem(("hosts", index), f"{match[2]} is no port"))
    return found


def _path_problems(path: str) -> list[Problem]:
    steps = path.strip("/").split("/")
    if not path.startswith("/"):
        return [Problem(("path",), "expected a path that begins with '/'")]
    if path.strip("/") and not all(_STEP.fullmatch(step) for step in steps):
        return [Problem(("path",), "expected names with '/' between them")]
    if {".", ".."} & set(steps) or steps[0] == "zookeeper":
        return [Problem(("path",), "ZooKeeper has no such path for others")]
    if path.count(PLACEHOLDER) != steps.count(PLACEHOLDER) or path.count(PLACEHOLDER) > 1:
        return [Problem(("path",), f"expected {PLACEHOLDER} once, as a whole part")]
    return []
