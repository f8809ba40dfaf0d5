"""The ``grpc`` check: a service says of itself that it serves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import grpc
import msgspec

from lighthouse import hookimpl
from lighthouse.check import Check, Result
from lighthouse.grpc.health import ask, named, refusal
from lighthouse.net.authorities import bundle
from lighthouse.net.connection import Deadline, resolve, said
from lighthouse.net.tls import Tls, problems
from lighthouse.schema import Problem, convert, require
from lighthouse.text import one_line

# One attempt on a connection of its own: no retries, no proxy, no service config from DNS.
_OPTIONS: Final = [
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.primary_user_agent", "lighthouse"),
    ("grpc.max_receive_message_length", 64 * 1024),
]


class GrpcSettings(msgspec.Struct, frozen=True):
    """``service`` is the name that is asked for, empty for the server as a whole.

    ``tls`` is for servers that want it: true, or a map.
    """

    service: str = ""
    tls: bool | Tls = False


class GrpcCheck(Check):
    """Asks ``grpc.health.v1.Health/Check`` once."""

    settings_type: ClassVar = GrpcSettings

    def __init__(self) -> None:
        self._settings = GrpcSettings()

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        settings = convert(config, GrpcSettings)
        found = problems(settings.tls)
        if isinstance(settings.tls, Tls) and not settings.tls.verify:
            text = "gRPC verifies always; give 'ca_file' and 'server_name'"
            found.append(Problem(("tls", "verify"), text))
        require(found)

    def apply_config(self, config: Mapping[str, Any]) -> None:
        self._settings = convert(config, GrpcSettings)

    def perform(self, host: str, port: int, timeout: float) -> Result:
        deadline, service = Deadline(timeout), self._settings.service
        try:
            with self._channel(host, port, deadline) as channel:
                wrong = ask(channel, service, deadline.left())
        except grpc.RpcError as error:
            return Result(False, one_line(refusal(error.code(), error.details() or "", service)))
        except (OSError, ValueError) as error:
            return Result(False, f"no connection: {said(error)}")
        return Result(not wrong, one_line(wrong or f"{named(service)} is SERVING"))

    def _channel(self, host: str, port: int, deadline: Deadline) -> grpc.Channel:
        target = _target(resolve(host, port, deadline))
        tls = self._settings.tls
        if tls is False:
            authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            options = [*_OPTIONS, ("grpc.default_authority", authority)]
            return grpc.insecure_channel(target, options)
        wanted = Tls() if tls is True else tls
        name = wanted.server_name or host
        options = [*_OPTIONS, ("grpc.ssl_target_name_override", name)]
        return grpc.secure_channel(target, _credentials(wanted), options)


def _target(addresses: list[Any]) -> str:
    """All of a host's addresses, if of one family, else those of the first's."""
    places = list(dict.fromkeys(place[:2] for _, place in addresses))
    v6 = ":" in places[0][0]
    same = [(address, port) for address, port in places if (":" in address) == v6]
    shown = [f"[{address}]:{port}" if v6 else f"{address}:{port}" for address, port in same]
    return f"{'ipv6' if v6 else 'ipv4'}:{','.join(shown)}"


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Read anew each time, so that files which change are taken; raises ``OSError``."""
    roots = Path(tls.ca_file or bundle()).read_bytes()
    if tls.cert_file is None:
        return grpc.ssl_channel_credentials(roots)
    key = Path(tls.key_file or tls.cert_file).read_bytes()
    return grpc.ssl_channel_credentials(roots, key, Path(tls.cert_file).read_bytes())


@hookimpl
def lighthouse_check() -> type[Check]:
    return GrpcCheck
