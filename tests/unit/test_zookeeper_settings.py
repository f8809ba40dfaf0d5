"""The settings of the ZooKeeper discovery: what they mean, and every way to get them wrong."""

from typing import Any

import pytest
from kazoo.security import Permissions

from lighthouse.schema import Invalid, convert
from lighthouse.zookeeper.discovery import ZooKeeper
from lighthouse.zookeeper.protocol import acl
from lighthouse.zookeeper.settings import ZooKeeperSettings

GOOD: dict[str, Any] = {"hosts": ["zk01:2181"], "path": "/lighthouse/services"}
AUTH = {"user": "fleet", "password": {"env": "ZK_PASSWORD"}}

PLACES = {
    "/lighthouse/services": ("/lighthouse/services", "/lighthouse/services/webapp"),
    "/lighthouse/services/": ("/lighthouse/services", "/lighthouse/services/webapp"),
    "/": ("/", "/webapp"),
    "/nerve/services/{cluster}/services": ("/nerve/services", "/nerve/services/webapp/services"),
    "/{cluster}/nodes": ("/", "/webapp/nodes"),
}


@pytest.mark.parametrize("path", PLACES)
def test_where_a_cluster_lies(path: str) -> None:
    settings = convert({**GOOD, "path": path}, ZooKeeperSettings)
    assert (settings.base, settings.place("webapp")) == PLACES[path]
    ZooKeeper.validate_config({**GOOD, "path": path})


@pytest.mark.parametrize(
    "config",
    [
        {"hosts": ["zk01", "zk02:2181", "10.0.0.1:2181", "[::1]:2181"]},
        {"tls": True},
        {"tls": {"ca_file": "/etc/ca.pem", "server_name": "zk"}},
        {"auth": AUTH, "acl": "owner"},
        {"acl": ["world:anyone:r", "ip:10.0.0.0/8:cdrwa", "digest:fleet:aGFzaA==:cdrwa"]},
        {"auth": AUTH, "acl": ["auth::cdrwa"]},
        {"tls": {"cert_file": "/etc/host.pem"}, "acl": "owner"},
        {"format": "smartstack", "haproxy_server_options": True},
        {"session_timeout": 1, "audit": 60},
    ],
)
def test_what_is_accepted(config: dict[str, Any]) -> None:
    ZooKeeper.validate_config({**GOOD, **config})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"hosts": []}, "hosts: "),
    ({"hosts": "zk01:2181"}, "hosts: expected a list, got text; write ['zk01:2181']"),
    ({"hosts": ["zk01:2181/chroot"]}, "hosts.0: expected host:port; a chroot belongs into 'path'"),
    ({"hosts": ["zk01:99999"]}, "hosts.0: 99999 is no port"),
    ({"hosts": ["zk01,zk02"]}, "hosts.0: expected host:port"),
    ({"path": "lighthouse"}, "path: expected a path that begins with '/'"),
    ({"path": "/a//b"}, "path: expected names with '/' between them"),
    ({"path": "/a/../b"}, "path: ZooKeeper has no such path"),
    ({"path": "/zookeeper/x"}, "path: ZooKeeper has no such path"),
    ({"path": "/a\nb"}, "path: expected names"),
    ({"path": "/a/x{cluster}"}, "path: expected {cluster} once, as a whole part"),
    ({"path": "/{cluster}/{cluster}"}, "path: expected {cluster} once, as a whole part"),
    ({"tls": {"ca_file": "ca.pem"}}, "tls.ca_file: expected an absolute path"),
    ({"auth": {"user": "fleet"}}, "auth: 'password' is missing"),
    ({"auth": {"user": "a:b", "password": {"env": "P"}}}, "auth.user: expected a name without"),
    (
        {"auth": {"user": "a", "password": "secret"}},
        "auth.password: expected where the secret lies",
    ),
    ({"auth": {"user": "a", "password": {}}}, "auth.password: expected either 'file' or 'env'"),
    ({"acl": "owner"}, "acl: 'owner' needs 'auth'"),
    ({"acl": "closed"}, "acl: "),
    ({"acl": []}, "acl: nobody could do anything"),
    ({"acl": ["world:anyone"]}, "acl.0: expected scheme:id:permissions"),
    ({"acl": ["world:anyone:rx"]}, "acl.0: expected scheme:id:permissions"),
    ({"acl": ["auth::r"]}, "acl.0: 'auth' is nobody without"),
    ({"session_timeout": 0.1}, "session_timeout: "),
    ({"format": "nerve"}, "format: expected one of: lighthouse, smartstack; got 'nerve'"),
    ({"haproxy_server_options": True}, "haproxy_server_options: means nothing without"),
    ({"host": ["zk01:2181"]}, "unknown key 'host'; did you mean 'hosts'?"),
]


@pytest.mark.parametrize(("config", "problem"), BAD)
def test_what_is_refused(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        ZooKeeper.validate_config({**GOOD, **config})
    assert problem in str(refused.value)


def test_an_acl_is_what_it_says() -> None:
    assert [(one.perms, one.id.scheme, one.id.id) for one in acl.entries("open")] == [
        (Permissions.ALL, "world", "anyone")
    ]
    owner = {(one.perms, one.id.scheme) for one in acl.entries("owner")}
    assert owner == {(Permissions.ALL, "auth"), (Permissions.READ, "world")}
    (one,) = acl.entries(["ip:2001:db8::/32:rw"])
    assert (one.id.scheme, one.id.id) == ("ip", "2001:db8::/32")
    assert one.perms == Permissions.READ | Permissions.WRITE
