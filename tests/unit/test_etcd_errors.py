"""What etcd says when something is wrong, and what an operator is told."""

import http.client
import json
import socket
import ssl

import pytest

from lighthouse.etcd import errors
from lighthouse.etcd.errors import (
    Behind,
    Denied,
    EtcdAway,
    LeaseGone,
    StaleToken,
    TooLarge,
    Trouble,
    Unsuited,
)
from lighthouse.etcd.settings import Endpoint


@pytest.mark.parametrize(
    ("code", "text", "kind", "told"),
    [
        (7, "etcdserver: permission denied", Denied, "grant the user's role readwrite"),
        (3, "etcdserver: authentication failed, invalid user ID or password", Denied, "auth.user"),
        (16, "etcdserver: invalid auth token", StaleToken, "auth token"),
        (3, "etcdserver: user name is empty", StaleToken, "see 'auth'"),
        (3, "etcdserver: revision of auth store is old", StaleToken, "old"),
        (11, "etcdserver: mvcc: required revision has been compacted", Behind, "compacted"),
        (5, "etcdserver: requested lease not found", LeaseGone, "lease not found"),
        (8, "etcdserver: mvcc: database space exceeded", Trouble, "takes no writes"),
        (8, "grpc: received message larger than max", TooLarge, "larger"),
        (14, "etcdserver: leader changed", EtcdAway, "leader changed"),
        (14, "etcdserver: request timed out", EtcdAway, "quorum"),
        (2, "whatever\x1b", Trouble, "whatever\\x1b"),
    ],
)
def test_an_answer(code: int, text: str, kind: type[Trouble], told: str) -> None:
    body = json.dumps({"error": text, "message": text, "code": code}).encode()
    found = errors.of_answer(400, body)
    assert type(found) is kind
    assert told in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, b"404 page not found", "HTTP status 404: 404 page"),
        (400, b"Client sent an HTTP request to an HTTPS server.\n", "write https://"),
        (502, b"<html>\xff" + b"x" * 9000, "HTTP status 502"),
        (500, b"", "HTTP status 500"),
    ],
)
def test_an_answer_of_something_else(status: int, body: bytes, told: str) -> None:
    found = errors.of_answer(status, body)
    assert isinstance(found, Unsuited)
    assert told in str(found)
    assert len(str(found)) < 200


def tls(reason: str) -> ssl.SSLError:
    """As OpenSSL raises it; one that is made by hand has no reason."""
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "told", "patient"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused", False),
        (TimeoutError("timed out"), "timed out", False),
        (socket.gaierror(-2, "Name or service not known"), "no address for etcd-1", True),
        (http.client.RemoteDisconnected("gone"), "if it wants a client certificate", False),
        (ConnectionResetError(104, "reset"), "if it wants a client certificate", False),
        (http.client.IncompleteRead(b"x"), "middle of an answer", False),
        (http.client.BadStatusLine("SSH-2.0"), "client port?", True),
        (FileNotFoundError(2, "No such file", "/ca.pem"), "/ca.pem: No such file", True),
        (tls("WRONG_VERSION_NUMBER"), "plain http", True),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "client certificate", True),
    ],
)
def test_a_connection(error: Exception, told: str, patient: bool) -> None:
    found = errors.of_connection(error, Endpoint(True, "etcd-1", 2379))
    assert told in str(found)
    assert found.patient is patient


def test_a_plain_connection_that_is_ended() -> None:
    plain = Endpoint(False, "etcd-1", 2379)
    found = errors.of_connection(http.client.RemoteDisconnected("gone"), plain)
    assert "https in place of http?" in str(found)
    assert str(errors.of_connection(ConnectionResetError(104, "reset"), plain)) == "reset"


@pytest.mark.parametrize(
    ("version", "good"),
    [("3.4.0", True), ("3.5.21", True), ("4.0", True), ("3.3.25", False), ("2.3.8", False)],
)
def test_versions(version: str, good: bool) -> None:
    found = errors.of_version(version)
    assert (found is None) is good
    if found is not None:
        assert "3.4 or newer is needed" in str(found)
