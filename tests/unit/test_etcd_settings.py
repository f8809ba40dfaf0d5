"""What may stand in an etcd discovery's file."""

from typing import Any

import pytest

from lighthouse.etcd.settings import Endpoint, endpoint, read
from lighthouse.schema import Invalid

GOOD: dict[str, Any] = {"endpoints": ["http://10.0.0.1:2379"], "path": "/lighthouse"}
SECRET = {"file": "/run/secrets/etcd"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"endpoints": ["https://etcd-1.example", "https://[::1]:2379/"], "tls": True},
        {"tls": {"ca_file": "/etc/ca.pem"}, "endpoints": ["https://10.0.0.1:2379"]},
        {"auth": {"user": "lighthouse", "password": SECRET}},
        {"auth": {"user": "lighthouse", "password": {"env": "ETCD_PASSWORD"}}},
        {"lease_ttl": 3, "audit": 60, "path": "/"},
        {"format": "smartstack", "haproxy_server_options": True, "path": "/nerve/services/"},
    ],
)
def test_what_is_right(changes: dict[str, Any]) -> None:
    assert read(GOOD | changes).endpoints


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"endpoints": []}, "endpoints: expected at least one URL"),
        ({"endpoints": ["10.0.0.1:2379"]}, "endpoints.0: expected http://HOST:PORT"),
        ({"endpoints": ["http://a:2379", "http://b:x"]}, "endpoints.1: "),
        ({"endpoints": ["http://a:2379/v3"]}, "expected only scheme, host and port"),
        ({"endpoints": ["http://u:p@a:2379"]}, "expected only scheme, host and port"),
        ({"endpoints": "http://a:2379"}, "endpoints: expected a list"),
        ({"tls": True}, "tls: means nothing for endpoints that begin with http://"),
        ({"endpoints": ["https://a"], "tls": {"ca_file": "ca.pem"}}, "tls.ca_file: expected an"),
        ({"path": "lighthouse"}, "path: expected '/'"),
        ({"path": "/a//b"}, "path: expected '/'"),
        ({"path": "/a\n"}, "path: expected '/'"),
        ({"path": None}, "path: "),
        ({"lease_ttl": 2}, "lease_ttl: "),
        ({"lease_ttl": 7.5}, "lease_ttl: expected a whole number"),
        (
            {"auth": {"user": "a", "password": "secret"}},
            "auth.password: expected where the secret lies",
        ),
        ({"auth": {"user": "", "password": SECRET}}, "auth.user: expected the name"),
        ({"auth": {"user": "a", "password": {}}}, "auth.password: expected either"),
        ({"haproxy_server_options": True}, "means nothing without 'format: smartstack'"),
        ({"format": "json"}, "format: expected one of: lighthouse, smartstack"),
        ({"endpoint": []}, "did you mean 'endpoints'?"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(GOOD | changes)
    assert fault in str(caught.value)


def test_nothing_of_a_url_that_is_refused_needs_to_be_guessed() -> None:
    with pytest.raises(Invalid, match="'endpoints' is missing; 'path' is missing"):
        read({})


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://10.0.0.1:2379", Endpoint(False, "10.0.0.1", 2379)),
        ("https://etcd.example/", Endpoint(True, "etcd.example", 2379)),
        ("http://[2001:db8::1]:4001", Endpoint(False, "2001:db8::1", 4001)),
    ],
)
def test_a_url_names_an_endpoint(url: str, found: Endpoint) -> None:
    assert endpoint(url) == found
    assert endpoint(str(found)) == found


@pytest.mark.parametrize(
    ("path", "prefix"),
    [("/lighthouse", b"/lighthouse/"), ("/a/b/", b"/a/b/"), ("/", b"/")],
)
def test_keys_begin_with_the_path(path: str, prefix: bytes) -> None:
    assert read(GOOD | {"path": path}).prefix == prefix
