"""A cluster's section as Envoy's Cluster."""

from typing import Any, Final

from lighthouse.envoy.rendering.text import MARK, merged, seconds
from lighthouse.envoy.schema.section import EnvoySection, HealthCheck, Outliers, UpstreamTls
from lighthouse.envoy.schema.settings import EnvoySettings

_CLUSTER: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_HTTP: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_POLICIES: Final = {
    "round_robin": "ROUND_ROBIN",
    "least_request": "LEAST_REQUEST",
    "random": "RANDOM",
    "source": "MAGLEV",
}
_UPSTREAM_IDLE: Final = 50.0
"""Seconds after which an idle connection to a node is closed: before common servers do it."""


def cluster(
    name: str, section: EnvoySection, settings: EnvoySettings, stamp: str = ""
) -> dict[str, Any]:
    """The resource; its nodes come from a file of its own.

    ``stamp`` is that of the certificates, which Envoy reads with the resource.
    """
    found: dict[str, Any] = {
        "@type": _CLUSTER,
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _nodes(settings.endpoints_file(name))},
        "connect_timeout": seconds(section.connect_timeout),
        "lb_policy": _POLICIES[section.balance],
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [_limits(section.max_connections)]},
        "ignore_health_on_host_removal": True,
    }
    if stamp:
        found["metadata"] = {"filter_metadata": {MARK: {"files": stamp}}}
    if section.slow_start:
        key = f"{section.balance}_lb_config"
        found[key] = {"slow_start_config": {"slow_start_window": seconds(section.slow_start)}}
    if section.mode == "http":
        found["typed_extension_protocol_options"] = {_HTTP: _protocol(section)}
    if section.health_check is not None:
        found["health_checks"] = [_health_check(section.health_check, section)]
    if section.outliers is not None:
        found["outlier_detection"] = _outliers(section.outliers)
    if section.tls is not None:
        found["transport_socket"] = _tls(section.tls, section.http2)
    return merged(found, section.options.cluster)


def _nodes(path: str) -> dict[str, Any]:
    """The file of the nodes, as a source of its own."""
    return {
        "path_config_source": {"path": path},
        "resource_api_version": "V3",
        "initial_fetch_timeout": "2s",
    }


def _limits(most: int) -> dict[str, int]:
    kinds = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return dict.fromkeys(kinds, most)


def _protocol(section: EnvoySection) -> dict[str, Any]:
    version = "http2_protocol_options" if section.http2 else "http_protocol_options"
    return {
        "@type": f"type.googleapis.com/{_HTTP}",
        "explicit_http_config": {version: {}},
        "common_http_protocol_options": {"idle_timeout": seconds(_UPSTREAM_IDLE)},
    }


def _health_check(check: HealthCheck, section: EnvoySection) -> dict[str, Any]:
    found: dict[str, Any] = {
        "interval": seconds(check.interval),
        "timeout": seconds(check.timeout),
        "healthy_threshold": check.rise,
        "unhealthy_threshold": check.fall,
        "no_traffic_interval": seconds(check.interval),
    }
    if check.path is None:
        return {**found, "tcp_health_check": {}}
    codec = {"codec_client_type": "HTTP2"} if section.http2 else {}
    return {**found, "http_health_check": {"path": check.path, **codec}}


def _outliers(given: Outliers) -> dict[str, Any]:
    return {
        "consecutive_5xx": given.failures,
        "consecutive_gateway_failure": given.failures,
        "base_ejection_time": seconds(given.seconds),
        "max_ejection_percent": given.max_percent,
        "interval": "1s",
    }


def _tls(given: UpstreamTls, http2: bool) -> dict[str, Any]:
    common: dict[str, Any] = {}
    if given.verify and given.ca is not None:
        validation: dict[str, Any] = {"trusted_ca": {"filename": given.ca}}
        if given.server_name is not None:
            name = {"san_type": "DNS", "matcher": {"exact": given.server_name}}
            validation["match_typed_subject_alt_names"] = [name]
        common["validation_context"] = validation
    if given.cert is not None:
        pair = {"certificate_chain": {"filename": given.cert}}
        common["tls_certificates"] = [{**pair, "private_key": {"filename": given.key}}]
    if http2:
        common["alpn_protocols"] = ["h2"]
    context: dict[str, Any] = {"@type": _TLS, "common_tls_context": common}
    if given.server_name is not None:
        context["sni"] = given.server_name
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}
