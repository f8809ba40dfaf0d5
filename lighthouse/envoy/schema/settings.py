"""The content of ``balancers/envoy.yaml``."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from lighthouse.schema import Problem, convert, require, shown

OnNone = Literal["serve", "keep"]
"""For a cluster without nodes: Envoy answers 503, or its last nodes stay."""

_LONGEST_SOCKET: Final = 100
_OWN_KEYS: Final = ("admin", "dynamic_resources", "node")


class Zones(msgspec.Struct, frozen=True):
    """Which metadata tells a node's zone, and whether nodes of ``local`` are preferred.

    ``key`` is the key of metadata that tells a node's zone.
    """

    key: str = "zone"
    local: str | None = None


class EnvoySettings(msgspec.Struct, frozen=True):
    """See docs/envoy.md; times are seconds.

    ``directory`` is where Envoy's files are kept, an absolute path. ``bind_address`` is where
    clusters listen. ``envoy_bin`` is the binary, if it is not on the PATH. ``concurrency`` is
    the number of Envoy's threads. ``zones`` says which nodes are near. ``on_empty`` is what a
    cluster without nodes does: answer 503 (serve), or keep its last ones (keep).
    ``drain_time`` is for how long connections go on when Envoy is replaced. ``log_level`` is
    that of Envoy's own log. ``bootstrap`` is laid over the bootstrap file that is made here.
    """

    directory: str
    bind_address: str = "127.0.0.1"
    envoy_bin: str | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    zones: Zones = Zones()
    on_empty: OnNone = "serve"
    drain_time: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 30
    log_level: Literal["error", "warning", "info", "debug"] = "warning"
    bootstrap: dict[str, Any] = {}

    @property
    def admin(self) -> str:
        return f"{self.directory}/admin.sock"

    @property
    def bootstrap_file(self) -> str:
        return f"{self.directory}/bootstrap.json"

    @property
    def clusters_file(self) -> str:
        return f"{self.directory}/cds.json"

    @property
    def listeners_file(self) -> str:
        return f"{self.directory}/lds.json"

    @property
    def log_file(self) -> str:
        return f"{self.directory}/envoy.log"

    @property
    def pid_file(self) -> str:
        return f"{self.directory}/envoy.pid"

    def endpoints_file(self, cluster: str) -> str:
        """Each cluster's own, and watched by its own path."""
        return f"{self.directory}/eds/{cluster}.json"


def parse_settings(config: Mapping[str, Any]) -> EnvoySettings:
    """The typed content; raises ``Invalid`` with every fault of it."""
    settings = convert(config, EnvoySettings)
    require(_problems(settings))
    directory = settings.directory.rstrip("/")
    return msgspec.structs.replace(settings, directory=directory)


def address_problems(text: str, path: tuple[str | int, ...]) -> Iterator[Problem]:
    """What is wrong with an address to listen on."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        yield Problem(path, f"expected an IP address, got {shown(text)}")


def _problems(settings: EnvoySettings) -> Iterator[Problem]:
    path = settings.directory
    if not path.startswith("/") or not path.isprintable() or path.strip("/") == "":
        yield Problem(("directory",), f"expected an absolute path, got {shown(path)}")
    elif len(settings.admin) > _LONGEST_SOCKET:
        most = _LONGEST_SOCKET - len("/admin.sock")
        yield Problem(("directory",), f"a socket in it would have too long a path: at most {most}")
    if settings.envoy_bin is not None and not settings.envoy_bin.startswith("/"):
        yield Problem(("envoy_bin",), "expected an absolute path")
    yield from address_problems(settings.bind_address, ("bind_address",))
    for key in _OWN_KEYS:
        if key in settings.bootstrap:
            yield Problem(("bootstrap", key), "this part of the bootstrap is Lighthouse's own")
