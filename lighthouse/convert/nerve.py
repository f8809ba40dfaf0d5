"""Nerve's services, which it checks and registers, as files of services/."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final

from lighthouse.convert.conversion import Conversion, Keys
from lighthouse.convert.places import Places, fit

_CHECKS: Final = ("http", "tcp", "redis", "rabbitmq", "zookeeper", "exec")
_SERVICE: Final = {
    "haproxy_server_options": "a node says no options of HAProxy's; see `node_options` of the "
    "haproxy balancer",
    "rate_limiting": "`flap_damping` bounds what a service that flaps costs the fleet",
    "disabled": "remove the file, or say `lighthouse down`, to take a service out",
    "use_path_encoding": "names with encoded paths are not read",
}
_GLOBAL: Final = {
    "services": "",
    "service_conf_dir": "",
    "instance_id": "a host goes by its own name",
    "statsd": "metrics are for Prometheus to fetch",
    "max_repeated_report_failures": "reporting is retried for ever",
    "heartbeat_path": "`lighthouse status` tells how the daemon is",
}


def of_host(keys: Keys) -> None:
    """Nerve's own settings, none of which is needed here."""
    keys.end(_GLOBAL)


def service(to: Conversion, places: Places, name: str, keys: Keys) -> None:
    """One service; without a place to register it, it is left out with the reason."""
    found = _place(keys, places, name)
    if found is None:
        return
    discovery, cluster = found
    file, port = fit(name), keys.number("port")
    if port is None or not places.claims(discovery, cluster, port):
        keys.say(f"{name} is left out: there is no port, or another service registers it already")
        return
    content: dict[str, Any] = {
        "name": cluster if cluster != file else None,
        "port": port,
        "discovery": discovery,
        **_hosts(keys),
        "weight": keys.number("weight"),
        "metadata": keys.whole("labels") or None,
        "checks": _checks(to, keys, file) or None,
    }
    keys.end(_SERVICE)
    if not to.add(f"services/{file}.yaml", content):
        keys.say(f"another service {name} was converted already: this one is left out")


def _place(keys: Keys, places: Places, name: str) -> tuple[str, str] | None:
    kind = keys.text("reporter_type") or "zookeeper"
    path = keys.text("zk_path" if kind == "zookeeper" else f"{kind}_path") or ""
    hosts = keys.texts("zk_hosts")
    if kind == "zookeeper" and path.strip("/") and hosts:
        return places.zookeeper(hosts, name, path)
    if kind == "etcd" and path.removesuffix("/services").strip("/"):
        host, port = keys.text("etcd_host") or "127.0.0.1", keys.number("etcd_port") or 4001
        keys.say(
            f"{name}: nerve speaks etcd's version 2, whose records nobody reads by version 3: "
            "it is registered anew"
        )
        return places.etcd([f"http://{host}:{port}"], path.removesuffix("/services"), "smartstack")
    keys.say(f"{name} is left out: there is no discovery for reporter_type {kind} as it is given")
    return None


def _hosts(keys: Keys) -> dict[str, str]:
    host = keys.text("host")
    if host is None or host in ("localhost", "127.0.0.1"):
        return {}
    try:
        ipaddress.ip_address(host)
    except ValueError:
        keys.leave("host", f"{host} is a name, and an address is registered: give `advertise`")
        return {"host": host}
    return {"advertise": host, "host": host}


def _checks(to: Conversion, keys: Keys, service: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    interval = keys.number("check_interval")
    for check in keys.items("checks"):
        kind = check.text("type") or ""
        if kind not in _CHECKS:
            check.leave("type", f"there is no check {kind!r}; `exec` runs any command")
        elif kind in found:
            check.leave("type", f"there is one check of a kind: this second {kind} is left out")
        else:
            found[kind] = _check(to, check, kind, service)
    if found and interval is not None:
        found = {"interval": interval, **found}
    return found


def _check(to: Conversion, keys: Keys, kind: str, service: str) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key in ("timeout", "rise", "fall"):
        content[key] = keys.number(key)
    read = _KINDS.get(kind)
    if read is not None:
        content.update(read(to, keys, service))
    keys.end({"name": "", "host": "checks connect to the service's `host`"})
    return {key: value for key, value in content.items() if value is not None}


def _http(_: Conversion, keys: Keys, __: str) -> dict[str, Any]:
    content: dict[str, Any] = {"uri": keys.text("uri"), "body": keys.text("expect")}
    content["headers"] = keys.whole("headers") or None
    if keys.flag("ssl"):
        content["tls"] = {"verify": keys.flag("ssl_verify") or False}
    return content


def _tcp(_: Conversion, keys: Keys, __: str) -> dict[str, Any]:
    return {"query": keys.text("send"), "response": keys.text("expect")}


def _rabbitmq(to: Conversion, keys: Keys, service: str) -> dict[str, Any]:
    """A password that is not RabbitMQ's own goes to a file that only its owner may read."""
    user, password = keys.text("username"), keys.text("password")
    content: dict[str, Any] = {"vhost": keys.text("vhost")}
    if password is None or (user or "guest", password) == ("guest", "guest"):
        return content
    file = f"secrets/{service}.rabbitmq"
    to.secrets[file] = password
    return {**content, "username": user or "guest", "password": {"file": file}}


_KINDS: Final[Mapping[str, Callable[[Conversion, Keys, str], dict[str, Any]]]] = {
    "http": _http,
    "tcp": _tcp,
    "rabbitmq": _rabbitmq,
}
