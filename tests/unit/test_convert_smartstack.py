"""Configurations of nerve and synapse, and what becomes of them: tables, without any file."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lighthouse.config.schema.composer import YamlPosition
from lighthouse.config.schema.document import YamlDocument, parse
from lighthouse.convert.conversion import Conversion
from lighthouse.convert.smartstack import convert

HOSTS = ["zk1:2181", "zk2:2181"]


def document(name: str, content: dict[str, Any]) -> YamlDocument:
    return parse(name, json.dumps(content, indent=1).encode())


def nerve(**services: dict[str, Any]) -> YamlDocument:
    common = {"port": 80, "reporter_type": "zookeeper", "zk_hosts": HOSTS}
    made = {
        name: {**common, "zk_path": f"/nerve/{name}/services", **given}
        for name, given in services.items()
    }
    return document("nerve.json", {"instance_id": "x", "services": made})


def synapse(service: dict[str, Any], **rest: Any) -> YamlDocument:
    return document("synapse.json", {"services": {"web": service}, **rest})


def read(made: Conversion, name: str) -> Any:
    return yaml.safe_load(made.files[name])


def told(made: Conversion) -> list[str]:
    return [str(fault) for fault in sorted(made.left)]


def test_a_service_of_nerve() -> None:
    check = {"type": "http", "uri": "/health", "timeout": 0.2, "rise": 3, "fall": 2}
    given = {"host": "10.0.0.7", "weight": 2, "labels": {"zone": "a"}, "check_interval": 2}
    made = convert([nerve(web={**given, "checks": [check]})])
    assert read(made, "services/web.yaml") == {
        "port": 80,
        "discovery": "smartstack",
        "advertise": "10.0.0.7",
        "host": "10.0.0.7",
        "weight": 2,
        "metadata": {"zone": "a"},
        "checks": {
            "interval": 2,
            "http": {"uri": "/health", "timeout": 0.2, "rise": 3, "fall": 2},
        },
    }
    assert read(made, "discovery/smartstack.yaml") == {
        "plugin": "zookeeper",
        "format": "smartstack",
        "hosts": HOSTS,
        "path": "/nerve/{cluster}/services",
    }
    assert told(made) == ["nerve.json:2:2: warning: instance_id: a host goes by its own name"]


@pytest.mark.parametrize(
    ("check", "becomes"),
    [
        ({"type": "tcp"}, {"tcp": {}}),
        ({"type": "tcp", "send": "a", "expect": "b"}, {"tcp": {"query": "a", "response": "b"}}),
        ({"type": "http", "expect": "OK"}, {"http": {"body": "OK"}}),
        ({"type": "http", "ssl": True}, {"http": {"tls": {"verify": False}}}),
        ({"type": "redis", "timeout": "0.5"}, {"redis": {"timeout": 0.5}}),
        ({"type": "rabbitmq", "username": "guest", "password": "guest"}, {"rabbitmq": {}}),
        ({"type": "mysql"}, None),
    ],
)  # fmt: skip
def test_each_kind_of_check(check: dict[str, Any], becomes: Any) -> None:
    made = convert([nerve(web={"checks": [check]})])
    assert read(made, "services/web.yaml").get("checks") == becomes
    assert any("there is no check 'mysql'" in one for one in told(made)) == (becomes is None)


def test_a_password_goes_to_a_file_of_its_own_and_is_not_told() -> None:
    check = {"type": "rabbitmq", "username": "ops", "password": "geheim7", "ca": "x"}
    made = convert([nerve(queue={"checks": [check]})])
    assert made.secrets == {"secrets/queue.rabbitmq": "geheim7"}
    assert read(made, "services/queue.yaml")["checks"]["rabbitmq"] == {
        "username": "ops",
        "password": {"file": "secrets/queue.rabbitmq"},
    }
    assert "geheim7" not in "".join([*made.files.values(), *told(made)])


def test_what_cannot_be_carried_over_is_told_with_its_place() -> None:
    two = [{"type": "http"}, {"type": "http", "uri": "/2"}]
    made = convert(
        [
            nerve(
                web={"host": "web1.example", "checks": two, "haproxy_server_options": "backup"},
                old={"reporter_type": "consul"},
                odd={"port": "many"},
            )
        ]
    )
    lines = "\n".join(told(made))
    for words in (
        "host: web1.example is a name, and an address is registered: give `advertise`",
        "type: there is one check of a kind: this second http is left out",
        "haproxy_server_options: a node says no options of HAProxy's",
        "old is left out: there is no discovery for reporter_type consul",
        "port: expected a number, got 'many'",
    ):
        assert words in lines
    assert sorted(made.files) == ["discovery/smartstack.yaml", "services/web.yaml"]


def test_names_come_from_the_paths() -> None:
    """A service that is called otherwise than its cluster, and two of one cluster and port."""
    made = convert(
        [
            nerve(
                web={},
                copy={"zk_path": "/nerve/web/services"},
                queue_1={"zk_path": "/nerve/queue/services"},
            )
        ]
    )
    assert read(made, "services/queue_1.yaml")["name"] == "queue"
    assert "name" not in read(made, "services/web.yaml")
    assert "services/copy.yaml" not in made.files
    assert len([name for name in made.files if name.startswith("discovery/")]) == 1


def test_a_service_of_synapse() -> None:
    service = {
        "default_servers": [{"name": "spare", "host": "localhost", "port": 8423}],
        "discovery": {
            "method": "zookeeper",
            "path": "/services/web",
            "hosts": HOSTS,
            "label_filters": [
                {"label": "zone", "value": "a", "condition": "equals"},
                {"label": "canary", "value": "yes", "condition": "not-equals"},
            ],
        },
        "haproxy": {
            "port": 3213,
            "bind_options": "ssl crt /x.pem",
            "server_options": "check inter 2s",
            "listen": [
                "mode http",
                "option httplog",
                "option httpchk /health",
                "timeout client 5s",
            ],
        },
    }
    made = convert([synapse(service)])
    assert read(made, "clusters/web.yaml") == {
        "discovery": "smartstack",
        "nodes": {"equals": {"zone": "a"}, "not_equals": {"canary": "yes"}},
        "default_nodes": [{"ip": "127.0.0.1", "port": 8423, "host": "spare"}],
        "haproxy": {
            "port": 3213,
            "bind_options": "ssl crt /x.pem",
            "frontend": ["option httplog", "timeout client 5s"],
            "backend": ["mode http", "option httpchk /health"],
            "server_options": "check inter 2s",
        },
    }
    assert told(made) == []


def test_several_watchers_and_the_dns() -> None:
    zookeeper = {"method": "zookeeper", "path": "/services/web", "hosts": HOSTS}
    dns = {"method": "dns", "nameserver": "10.0.0.53", "servers": ["a.example"]}
    multi = {"resolver": {"method": "fallback"}, "watchers": {"second": dns}}
    made = convert([synapse({"discovery": zookeeper, "discovery_multi": multi})])
    content = read(made, "clusters/web.yaml")
    assert content["discovery"] == ["smartstack", "dns-a.example"]
    assert content["combine"] == "failover"
    assert read(made, "discovery/dns-a.example.yaml") == {
        "plugin": "dns",
        "nameservers": ["10.0.0.53"],
        "clusters": {"web": {"name": "a.example", "record": "address", "port": 80}},
    }
    assert ["it is 80" in one for one in told(made)] == [True]
    made = convert([synapse({"discovery": {"method": "ec2tag"}})])
    assert "clusters/web.yaml" not in made.files
    assert any("web is left out" in one for one in told(made))


def test_the_settings_of_haproxy() -> None:
    haproxy = {
        "reload_command": "service haproxy reload",
        "config_file_path": "/etc/haproxy/haproxy.cfg",
        "socket_file_path": "/run/haproxy.sock",
        "do_writes": True,
        "global": ["daemon"],
        "extra_sections": {
            "frontend all": ["bind :80", "use_backend web", "use_backend gone if x"],
            "backend own": ["server a 10.0.0.1:80"],
            "frontend more": ["bind :81", "default_backend own"],
        },
    }
    service = {"discovery": {"method": "zookeeper", "path": "/s/web", "hosts": HOSTS}}
    made = convert([synapse(service, haproxy=haproxy)])
    assert read(made, "balancers/haproxy.yaml") == {
        "config_file": "/etc/haproxy/haproxy.cfg",
        "socket_file": "/run/haproxy.sock",
        "pid_file": "/run/haproxy.pid",
        "bind_address": "127.0.0.1",
        "global": ["daemon"],
        "extra_sections": {
            "frontend all": ["bind :80", "use_backend web"],
            "backend own": ["server a 10.0.0.1:80"],
            "frontend more": ["bind :81", "default_backend own"],
        },
    }
    lines = "\n".join(told(made))
    for words in ("no backend gone", "reload_command: Lighthouse runs", "do_writes: "):
        assert words in lines


def test_what_is_none_of_them_is_said() -> None:
    made = convert([document("x.json", {"a": 1}), parse("y.json", b"[1]")])
    assert [one.partition("warning: ")[2] for one in told(made)] == [
        "is no configuration of nerve or synapse"
    ] * 2
    assert made.files == {}


ODD: tuple[Any, ...] = (None, [], "x", {}, True, "", ["a", {}], 0, "//", 1.5, [[]])


def test_whatever_stands_there_is_told_and_ends_nothing() -> None:
    """Each part of both with something else than what belongs there."""
    label = {"label": "a", "value": "b", "condition": "equals"}
    discovery = {"method": "zookeeper", "path": "/s/w", "hosts": HOSTS, "label_filters": [label]}
    multi = {
        "resolver": {"method": "union"},
        "watchers": {"x": {"method": "dns", "servers": ["a"]}},
    }
    service = {
        "default_servers": [{"name": "d", "host": "localhost", "port": 1}],
        "discovery": discovery,
        "discovery_multi": multi,
        "haproxy": {"port": 1, "listen": ["mode http"], "bind_address": "localhost"},
    }
    sections = {"listen s :1": ["use_backend x"], "listen": ["default_backend"]}
    etcd = {"port": 80, "reporter_type": "etcd", "etcd_host": "h", "etcd_path": "/a/e/services"}
    checks = [{"type": "http", "uri": "/", "timeout": 1}, {"type": "rabbitmq", "password": "p"}]
    whole = {
        "services": {
            "web": service,
            "e": etcd,
            "n": {"port": 80, "zk_hosts": HOSTS, "zk_path": "/n/services", "checks": checks},
        },
        "haproxy": {"socket_file_path": "/b", "global": ["a"], "extra_sections": sections},
    }
    for changed in _with(whole, itertools.cycle(ODD)):
        data = {"services": {}, **changed}
        made = convert([YamlDocument("x.json", data, YamlPosition(1, 1))])
        folders = {name.split("/")[0] for name in (*made.files, *made.secrets)}
        assert folders <= {"services", "clusters", "discovery", "balancers", "secrets"}


def _with(content: Any, odd: Iterator[Any]) -> Iterator[Any]:
    """The content with something odd in the place of each of its parts, one after the other."""
    keys: Any = content if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        inner = _with(content[key], odd) if isinstance(content[key], dict | list) else ()
        for part in itertools.chain([next(odd)], inner):
            if isinstance(content, dict):
                yield {**content, key: part}
            else:
                yield [*content[:key], part, *content[key + 1 :]]
