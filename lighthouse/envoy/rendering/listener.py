"""A cluster's port as Envoy's Listener. As a proxy it keeps itself out of what passes."""

from typing import Any, Final

import msgspec

from lighthouse.envoy.rendering.text import MARK, merged, seconds
from lighthouse.envoy.schema.section import EnvoySection, ListenerTls
from lighthouse.envoy.schema.settings import EnvoySettings

_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters"
_LISTENER: Final = "type.googleapis.com/envoy.config.listener.v3.Listener"
_MANAGER: Final = f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER: Final = f"{_FILTERS}.http.router.v3.Router"
_TCP: Final = f"{_FILTERS}.network.tcp_proxy.v3.TcpProxy"
_TLS: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_RETRY_ON: Final = "connect-failure,refused-stream,reset-before-request"


def listener(
    name: str, section: EnvoySection, settings: EnvoySettings, stamp: str = ""
) -> dict[str, Any]:
    """The resource: one port that leads to a cluster.

    It goes by its address, so that one that comes to lead to another cluster is changed in
    place: Envoy lets no two have one address, not even for a moment.
    """
    host, port = spot(section, settings)
    made = _http(name, section) if section.mode == "http" else _tcp(name, section)
    chain: dict[str, Any] = {"filters": [made]}
    if section.listener_tls is not None:
        chain["transport_socket"] = _tls(section.listener_tls, section.mode == "http")
    found = {
        "@type": _LISTENER,
        "name": listener_name((host, port)),
        "metadata": {"filter_metadata": {MARK: {"cluster": name, "files": stamp}}},
        "address": {"socket_address": _address(host, port)},
        "filter_chains": [chain],
    }
    return merged(found, section.options.listener)


def listener_name(where: tuple[str, int]) -> str:
    """The name of the listener at a spot, which nobody takes for a user and a password."""
    return f"{where[0].replace(':', '-')}_{where[1]}"


def owner(resource: str) -> str:
    """The cluster that a listener leads to."""
    found = msgspec.json.decode(resource)
    return str(found["metadata"]["filter_metadata"][MARK]["cluster"])


def spot(section: EnvoySection, settings: EnvoySettings) -> tuple[str, int]:
    """Where it listens."""
    return section.bind_address or settings.bind_address, section.port


def _address(host: str, port: int) -> dict[str, Any]:
    """Every IPv6 address includes every IPv4 one, as people expect."""
    both = {"ipv4_compat": True} if host == "::" else {}
    return {"address": host, "port_value": port, **both}


def _http(name: str, section: EnvoySection) -> dict[str, Any]:
    route: dict[str, Any] = {"cluster": name, "timeout": seconds(section.timeout)}
    if section.retries:
        route["retry_policy"] = {
            "retry_on": _RETRY_ON,
            "num_retries": section.retries,
            "retry_host_predicate": [_previous_hosts()],
            "host_selection_retry_max_attempts": 3,
        }
    if section.balance == "source":
        route["hash_policy"] = [{"connection_properties": {"source_ip": True}}]
    host = {
        "name": name,
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": route}],
    }
    router = {"@type": _ROUTER, "suppress_envoy_headers": True}
    found = {
        "@type": _MANAGER,
        "stat_prefix": name,
        "route_config": {"validate_clusters": False, "virtual_hosts": [host]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        "stream_idle_timeout": seconds(section.idle_timeout),
        "http_protocol_options": {
            "accept_http_10": True,
            "default_host_for_http_10": "localhost",
        },
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }
    named = "envoy.filters.network.http_connection_manager"
    return {"name": named, "typed_config": merged(found, section.options.filter)}


def _tcp(name: str, section: EnvoySection) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@type": _TCP,
        "stat_prefix": name,
        "cluster": name,
        "idle_timeout": seconds(section.idle_timeout),
        "max_connect_attempts": section.retries + 1,
    }
    if section.balance == "source":
        found["hash_policy"] = [{"source_ip": {}}]
    config = merged(found, section.options.filter)
    return {"name": "envoy.filters.network.tcp_proxy", "typed_config": config}


def _previous_hosts() -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3"
    name = "envoy.retry_host_predicates.previous_hosts"
    return {"name": name, "typed_config": {"@type": f"{kind}.PreviousHostsPredicate"}}


def _tls(given: ListenerTls, http: bool) -> dict[str, Any]:
    pair = {"certificate_chain": {"filename": given.cert}}
    common: dict[str, Any] = {
        "tls_certificates": [{**pair, "private_key": {"filename": given.key}}]
    }
    if http:
        common["alpn_protocols"] = ["h2", "http/1.1"]
    context: dict[str, Any] = {"@type": _TLS, "common_tls_context": common}
    if given.client_ca is not None:
        common["validation_context"] = {"trusted_ca": {"filename": given.client_ca}}
        context["require_client_certificate"] = True
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}
