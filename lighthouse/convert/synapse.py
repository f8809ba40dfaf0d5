"""Synapse's services, which it watches and has HAProxy serve, as files of clusters/."""

import ipaddress
from typing import Any, Final

from lighthouse.convert.conversion import Conversion, Keys
from lighthouse.convert.places import Places, fit

_CLIENTS: Final = (
    *("acl", "bind", "capture", "default_backend", "http-request", "log-format", "maxconn"),
    *("monitor-uri", "timeout client", "use_backend", "unique-id-format", "unique-id-header"),
    *("option clitcpka", "option dontlognull", "option httplog", "option logasap"),
    *("option log-separate-errors", "option tcplog", "option socket-stats"),
)
"""Beginnings of lines of a `listen` section that are for its frontend."""

_GLOBAL: Final = {
    "services": "",
    "service_conf_dir": "",
    "haproxy": "",
    "statsd": "metrics are for Prometheus to fetch",
    "instance_id": "a host goes by its own name",
    "file_output": "the `template` balancer writes files of nodes",
}
_HAPROXY: Final = {
    "do_writes": "the file is always written; `lighthouse plan` tells what would be",
    "do_reloads": "HAProxy is reloaded only where it has to be",
    "do_socket": "members always come and go through the socket",
    "do_checks": "every candidate is checked",
    "check_command": "every candidate is checked",
    "candidate_config_file_path": "every candidate is checked, beside the file",
    "restart_interval": "`reload_interval`",
    "restart_jitter": "nothing restarts at one time everywhere",
    "state_file_path": "`state_file`, which is set by itself",
    "shared_frontend": "`meta_clusters`: see haproxy.md",
}
_SECTION: Final = {
    "shared_frontend": "`meta_cluster` with `acl`, `hosts` or `paths`: see haproxy.md",
    "server_port_override": "the port is the node's",
    "backend_name": "a backend goes by its cluster's name",
    "use_previous_backends": "the last known nodes always stay: `on_source_loss`",
    "cookie_value_method": "a cookie is the node's address",
    "server_order_seed": "the order is that of the nodes' addresses",
}


def of_host(to: Conversion, keys: Keys, services: list[str]) -> None:
    """Synapse's own settings and HAProxy's as balancers/haproxy.yaml."""
    haproxy = keys.map("haproxy")
    keys.end(_GLOBAL)
    if not haproxy.names:
        return
    socket = haproxy.text("socket_file_path") or "/run/haproxy-lighthouse.sock"
    if "reload_command" in haproxy:
        haproxy.leave(
            "reload_command",
            "Lighthouse runs an HAProxy of its own; `reload_command` is for one that something "
            "else runs, and then goes with its `pid_file` and `master_socket`",
        )
    backends = {fit(name) for name in services}
    content = {
        "config_file": haproxy.text("config_file_path") or "/etc/haproxy/lighthouse.cfg",
        "socket_file": socket,
        "pid_file": f"{socket.removesuffix('.sock')}.pid",
        "bind_address": _address(haproxy.text("bind_address") or "127.0.0.1"),
        "global": haproxy.texts("global"),
        "defaults": haproxy.texts("defaults"),
        "extra_sections": _sections(haproxy.map("extra_sections"), backends) or None,
    }
    haproxy.end(_HAPROXY)
    if not to.add("balancers/haproxy.yaml", content):
        haproxy.say("another file has settings of HAProxy: these are left out")


def _sections(keys: Keys, backends: set[str]) -> dict[str, list[str]]:
    """The sections as they are, but for lines that lead to a backend that is not there."""
    headers = (name.split() for name in keys.names)
    own = {words[1] for words in headers if words[:1] in (["backend"], ["listen"]) and words[1:]}
    found = {}
    for name in keys.names:
        lines = []
        for line in keys.texts(name):
            words = line.split()
            leads = words[:1] in (["use_backend"], ["default_backend"]) and len(words) > 1
            if leads and words[1] not in {*backends, *own}:
                keys.leave(name, f"there is no backend {words[1]}: {line!r} is left out")
            else:
                lines.append(line)
        found[name] = lines
    return found


def service(to: Conversion, places: Places, name: str, keys: Keys) -> None:
    """One service; where nothing finds its nodes it is left out with the reason."""
    file = fit(name)
    haproxy = keys.map("haproxy")
    nodes = keys.items("default_servers")
    spare = [_default(node, haproxy) for node in nodes]
    port = next((node["port"] for node in spare if node["port"]), None)
    first = keys.map("discovery")
    sources = [_source(places, name, file, first, port)]
    combine = _others(keys.map("discovery_multi"), places, name, file, port, sources)
    discoveries = [found for source in sources if source is not None for found in source[0]]
    if not discoveries:
        keys.say(f"{name} is left out: there is no discovery for it")
        return
    cluster = next(source[1] for source in sources if source is not None)
    content: dict[str, Any] = {
        "name": cluster if cluster != file else None,
        "discovery": discoveries[0] if len(discoveries) == 1 else discoveries,
        "combine": combine if len(discoveries) > 1 else None,
        "nodes": _labels(first.items("label_filters")) or None,
        "default_nodes": [node for node in spare if node["port"] and node["ip"]],
        "haproxy": _section(haproxy),
    }
    first.end({"discovery_jitter": "hosts do not read at one time by themselves"})
    haproxy.end(_SECTION)
    keys.end({"leader_election": "all hosts are equal"})
    if not to.add(f"clusters/{file}.yaml", content):
        keys.say(f"another service {name} was converted already: this one is left out")


def _source(
    places: Places, name: str, file: str, keys: Keys, port: int | float | None
) -> tuple[list[str], str] | None:
    """The discoveries of one watcher, and the cluster's name there."""
    method = keys.text("method")
    path, hosts = keys.text("path") or "", keys.texts("hosts")
    if method in ("zookeeper", "zookeeper_poll") and path.strip("/") and hosts:
        discovery, cluster = places.zookeeper(hosts, name, path)
        return [discovery], cluster
    servers = keys.texts("servers")
    if method == "dns" and servers:
        nameserver = keys.text("nameserver")
        found = []
        for server in servers:
            override = {"name": server, "record": "address", "port": port or 80}
            content = {
                "plugin": "dns",
                "nameservers": [nameserver] if nameserver else None,
                "clusters": {file: override},
            }
            given = {key: value for key, value in content.items() if value is not None}
            found.append(places.file(fit(f"dns-{server}"), given))
        if port is None:
            keys.say(f"{name}: no server says a port, so it is 80: an address in the DNS has none")
        return found, file
    if keys.names:
        keys.leave("method", f"there is no discovery for {method!r} as it is given")
    return None


def _others(
    keys: Keys,
    places: Places,
    name: str,
    file: str,
    port: int | float | None,
    sources: list[tuple[list[str], str] | None],
) -> str:
    """What is made of several watchers, which are added to the first."""
    resolver = keys.map("resolver")
    method = resolver.text("method")
    resolver.end({})
    watchers = keys.map("watchers")
    for one in watchers.names:
        watcher = watchers.map(one)
        sources.append(_source(places, name, file, watcher, port))
        watcher.end({"discovery_jitter": ""})
    keys.end({})
    return "failover" if method == "fallback" else "union"


def _labels(filters: list[Keys]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in filters:
        label, value = one.text("label") or "", one.text("value") or ""
        condition = one.text("condition") or "equals"
        if condition in ("equals", "not-equals") and label:
            found.setdefault(condition.replace("-", "_"), {})[label] = value
        else:
            one.leave("condition", f"there is no condition {condition!r}")
    return found


def _default(keys: Keys, haproxy: Keys) -> dict[str, Any]:
    host = _address(keys.text("host") or "")
    port = keys.number("port") or haproxy.number("server_port_override")
    name = keys.text("name")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        keys.leave("host", f"{host} is a name: default nodes have addresses")
        host = ""
    keys.end({}, "a default node has an address, a port, a host and a weight")
    return {"ip": host, "port": port, **({"host": fit(name)} if name else {})}


def _section(keys: Keys) -> dict[str, Any]:
    """A cluster's `haproxy:` section; of `listen` each line goes to where it is meant for."""
    frontend, backend = keys.texts("frontend"), keys.texts("backend")
    for line in keys.texts("listen"):
        told = " ".join(line.split())
        clients = any(told == word or told.startswith(f"{word} ") for word in _CLIENTS)
        lines = frontend if clients else backend
        if line not in lines:
            lines.append(line)
    port = keys.number("port")
    address, options = keys.text("bind_address"), keys.text("bind_options")
    section: dict[str, Any] = {"port": port, "bind_options": options if port else None}
    if address and port:
        section = {"bind": f"{_address(address)}:{port} {options or ''}".strip()}
    section["frontend"] = frontend if port or address else []
    section["backend"] = backend
    section["server_options"] = keys.text("server_options")
    return {key: value for key, value in section.items() if value not in (None, [])}


def _address(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host
