"""The grpc check against a real server of gRPC's own health service."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from lighthouse.check import Result
from lighthouse.grpc.check import GrpcCheck
from tests.software.probing import Probe, probe
from tests.software.servers import certificate, unused

STATES = health_pb2.HealthCheckResponse


class Refusing(health_pb2_grpc.HealthServicer):
    """Answers with whatever status the service's name asks for."""

    def Check(self, request: Any, context: Any) -> Any:
        if request.service == "odd":
            return STATES(status=17)
        if request.service == "slow":
            over = threading.Event()
            context.add_callback(over.set)
            over.wait(30)
        return context.abort(grpc.StatusCode[request.service], "as\nasked \x1b[31m")


@contextlib.contextmanager
def serving(servicer: Any, credentials: Any = None) -> Iterator[int]:
    """A server with that health service, or with none; its port."""
    server = grpc.server(ThreadPoolExecutor(4))
    if servicer is not None:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = "127.0.0.1:0"
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    servicer = health.HealthServicer()
    for name, state in (("", "SERVING"), ("shop.Cart", "SERVING"), ("shop.Pay", "NOT_SERVING")):
        servicer.set(name, STATES.ServingStatus.Value(state))
    servicer.set("shop.Odd", STATES.SERVICE_UNKNOWN)
    with serving(servicer) as found:
        yield found


@pytest.mark.parametrize(
    ("service", "passing", "reason"),
    [
        ("", True, "the server is SERVING"),
        ("shop.Cart", True, "service 'shop.Cart' is SERVING"),
        ("shop.Pay", False, "service 'shop.Pay' is NOT_SERVING"),
        ("shop.Nope", False, "service 'shop.Nope' is unknown to the health service"),
        ("shop.Odd", False, "service 'shop.Odd' is unknown to the health service"),
    ],
)
def test_what_a_service_says_of_itself(
    port: int, service: str, passing: bool, reason: str
) -> None:
    assert probe(GrpcCheck, {"service": service}, port) == Result(passing, reason)


def test_what_a_server_refuses() -> None:
    with serving(Refusing()) as port:
        denied = probe(GrpcCheck, {"service": "PERMISSION_DENIED"}, port)
        assert denied == Result(False, "PERMISSION_DENIED: as asked \\x1b[31m")
        odd = probe(GrpcCheck, {"service": "odd"}, port)
        assert odd == Result(False, "service 'odd' answers with the unknown state 17")
        assert probe(GrpcCheck, {"service": "slow"}, port, 0.3) == Result(False, "timed out")
    with serving(None) as port:
        none = probe(GrpcCheck, {}, port)
        assert none == Result(False, "the server has no health service (grpc.health.v1.Health)")


def test_nobody_listens_and_then_somebody_does() -> None:
    free = unused()
    repeated = Probe(GrpcCheck, {}, free)
    refused = repeated()
    assert not refused.passing
    assert refused.reason.startswith("no connection: ")
    assert "Connection refused" in refused.reason
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    servicer.set("", STATES.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{free}")
    server.start()
    try:
        assert repeated().passing, "the next probe does not wait for a backoff"
    finally:
        server.stop(0).wait()


def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    pair = (key.read_bytes(), cert.read_bytes())
    servicer = health.HealthServicer()
    servicer.set("", STATES.SERVING)
    trusted = {"ca_file": str(cert), "server_name": "lighthouse.test"}
    with serving(servicer, grpc.ssl_server_credentials([pair])) as port:
        assert probe(GrpcCheck, {"tls": trusted}, port).passing
        unknown = probe(GrpcCheck, {"tls": True}, port)
        assert not unknown.passing
        assert "CERTIFICATE_VERIFY_FAILED" in unknown.reason
        assert not probe(GrpcCheck, {"tls": {"ca_file": str(cert)}}, port).passing
        assert not probe(GrpcCheck, {}, port).passing
        missing = probe(GrpcCheck, {"tls": {"ca_file": "/nonexistent/ca.pem"}}, port)
        assert missing == Result(False, "no connection: No such file or directory")
    mutual = grpc.ssl_server_credentials([pair], cert.read_bytes(), True)
    own = {**trusted, "cert_file": str(cert), "key_file": str(key)}
    with serving(servicer, mutual) as port:
        assert probe(GrpcCheck, {"tls": own}, port).passing
        assert not probe(GrpcCheck, {"tls": trusted}, port).passing
