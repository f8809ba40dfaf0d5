"""A cluster's ``envoy:`` section."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from lighthouse.envoy.schema.settings import OnNone, address_problems
from lighthouse.schema import Problem, convert, require, shown

Seconds = Annotated[float, msgspec.Meta(ge=0, le=864000)]
Positive = Annotated[float, msgspec.Meta(ge=0.01, le=86400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]

_PATH: Final = re.compile(r"/[\x21-\x7e]*")


class HealthCheck(msgspec.Struct, frozen=True):
    """Envoy's own check of each node; without ``path`` it only connects.

    ``interval`` is seconds from one check to the next. ``timeout`` is seconds until one has
    failed. ``rise`` is how many passes in a row bring a node back. ``fall`` is how many
    failures in a row take it out.
    """

    path: str | None = None
    interval: Positive = 5.0
    timeout: Positive = 2.0
    rise: Count = 1
    fall: Count = 2


class Outliers(msgspec.Struct, frozen=True):
    """Nodes that fail so often in a row get no traffic for a while.

    ``failures`` is how many in a row are too many. ``seconds`` is for how long the node then
    gets no traffic. ``max_percent`` is how large a part of the nodes may be out.
    """

    failures: Count = 5
    seconds: Positive = 30.0
    max_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50


class UpstreamTls(msgspec.Struct, frozen=True):
    """TLS to the nodes. ``ca`` is required unless ``verify`` is false.

    ``cert`` is a PEM file with the certificate that Envoy shows. ``key`` is a PEM file with
    that certificate's key. ``server_name`` is what is asked for, and what the certificate has
    to be for.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None
    verify: bool = True


class ListenerTls(msgspec.Struct, frozen=True):
    """TLS for whoever connects.

    ``cert`` is a PEM file with the certificate. ``key`` is a PEM file with its key.
    ``client_ca`` is a PEM file with authorities, of which clients then need a certificate.
    """

    cert: str
    key: str
    client_ca: str | None = None


class RawOptions(msgspec.Struct, frozen=True):
    """Parts of Envoy's own resources, laid over what is made here.

    ``cluster`` is laid over Envoy's cluster. ``listener`` is laid over its listener.
    ``filter`` is laid over the filter of the connections.
    """

    cluster: dict[str, Any] = {}
    listener: dict[str, Any] = {}
    filter: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.cluster or self.listener or self.filter)


class EnvoySection(msgspec.Struct, frozen=True):
    """What a cluster's file says for Envoy; times are seconds, 0 for no limit.

    ``port`` is where the cluster is served on this host. ``bind_address`` is the address for
    it, if it is another than the balancer's. ``mode`` is http, or tcp for all else. ``http2``
    has Envoy speak HTTP/2 to the nodes. ``balance`` is how a node is chosen.
    ``connect_timeout`` is how long a connection to a node may take. ``timeout`` is how long an
    answer may take. ``idle_timeout`` is how long nothing may happen. ``retries`` is how often
    a request is tried again with another node. ``max_connections`` is how many there may be at
    once. ``slow_start`` is for how long a new node gets less. ``on_empty`` is as in the
    balancer's file. ``health_check`` has Envoy check the nodes itself. ``outliers`` has it
    leave out nodes that fail. ``tls`` is for connections to the nodes. ``listener_tls`` is for
    clients. ``options`` are parts of Envoy's own configuration.
    """

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    bind_address: str | None = None
    mode: Literal["http", "tcp"] = "http"
    http2: bool = False
    balance: Literal["round_robin", "least_request", "random", "source"] = "round_robin"
    connect_timeout: Positive = 5.0
    timeout: Seconds = 0.0
    idle_timeout: Seconds = 300.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=4294967295)] = 1_000_000
    slow_start: Seconds = 0.0
    on_empty: OnNone | None = None
    health_check: HealthCheck | None = None
    outliers: Outliers | None = None
    tls: UpstreamTls | None = None
    listener_tls: ListenerTls | None = None
    options: RawOptions = RawOptions()

    @property
    def files(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The files that it names, each with its place."""
        for key in ("tls", "listener_tls"):
            part = getattr(self, key)
            for name in ("ca", "cert", "key", "client_ca"):
                if part is not None and getattr(part, name, None) is not None:
                    yield (key, name), getattr(part, name)


def parse_section(config: Mapping[str, Any]) -> EnvoySection:
    """The typed content; raises ``Invalid`` with every fault of it."""
    section = convert(config, EnvoySection)
    require(_problems(section))
    return section


def missing_files(section: EnvoySection) -> Iterator[Problem]:
    """The certificates and keys that this process cannot read."""
    for path, name in section.files:
        if not os.access(name, os.R_OK):
            yield Problem(path, f"{name} cannot be read")


def stamp_of(section: EnvoySection) -> str:
    """What changes when one of the files is written anew; empty if there is none."""
    found = []
    for _, name in section.files:
        try:
            about = os.stat(name)
        except OSError:
            continue
        found.append(f"{about.st_ino}.{about.st_size}.{about.st_mtime_ns}")
    return " ".join(found)


def _problems(section: EnvoySection) -> Iterator[Problem]:
    if section.bind_address is not None:
        yield from address_problems(section.bind_address, ("bind_address",))
    check = section.health_check
    if check is not None and check.path is not None and not _PATH.fullmatch(check.path):
        yield Problem(("health_check", "path"), "expected the path of a URL, such as /health")
    if section.slow_start and section.balance not in ("round_robin", "least_request"):
        yield Problem(("slow_start",), "only with balance: round_robin or least_request")
    if section.mode == "tcp" and section.http2:
        yield Problem(("http2",), "only with mode: http")
    tls = section.tls
    if tls is not None and tls.verify and tls.ca is None:
        yield Problem(("tls",), "'ca' is missing, or verify: false")
    if tls is not None and (tls.cert is None) is not (tls.key is None):
        yield Problem(("tls",), "'cert' and 'key' go together")
    for path, name in section.files:
        if not name.startswith("/"):
            yield Problem(path, f"expected an absolute path, got {shown(name)}")
