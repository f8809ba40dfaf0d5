"""The rabbitmq check against a real broker, without and with its management plugin."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lighthouse.check import Result
from lighthouse.rabbitmq.check import RabbitmqCheck
from tests.software.probing import Probe, probe
from tests.software.rabbitmq_world import RabbitMQ, rabbitmq
from tests.software.servers import certificate, unused
from tests.waiting import eventually

pytestmark = pytest.mark.needs("rabbitmq")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with rabbitmq(certificate(tmp_path_factory.mktemp("tls"))) as found:
        yield found


@pytest.fixture
def app(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "secret"
    path.write_text("right\n")
    return {"username": "app", "password": {"file": str(path)}}


def managed(broker: RabbitMQ, **settings: Any) -> dict[str, Any]:
    """A config that asks the management plugin, which is enabled now at the latest."""
    broker.manage()
    return {"management": {"port": broker.management_port}, **settings}


def test_connections_and_what_is_wrong_with_them(
    broker: RabbitMQ, app: dict[str, Any], tmp_path: Path
) -> None:
    cases = [
        ({}, True, "takes connections, RabbitMQ 3."),
        (app, True, "takes connections, RabbitMQ 3."),
        ({**app, "vhost": "shop"}, True, "takes connections"),
        ({"vhost": "shop"}, False, "access to vhost 'shop' refused for user 'guest'"),
        ({"vhost": "nope"}, False, "vhost nope not found"),
        ({**app, "username": "nobody"}, False, "see 'username' and 'password'"),
        ({**app, "username": "guest"}, False, "ACCESS_REFUSED - Login was refused"),
        ({"password": {"env": "LH_NO_SUCH"}}, False, "no password: the environment has no"),
    ]
    for config, passing, reason in cases:
        result = probe(RabbitmqCheck, config, broker.port)
        assert (result.passing, reason in result.reason) == (passing, True), result
        assert not passing or result.metadata["cluster_name"].startswith("lh")


@pytest.mark.slow
def test_nothing_is_left_and_nothing_declared(broker: RabbitMQ) -> None:
    repeated = Probe(RabbitmqCheck, {}, broker.port)
    complaints = broker.log().count("unexpectedly closed TCP connection")
    assert all(repeated().passing for _ in range(10))
    eventually(lambda: broker.control("list_connections", "-q", "pid").strip() in ("", "pid"))
    assert broker.control("list_queues", "-q", "name").strip() in ("", "name")
    assert broker.log().count("unexpectedly closed TCP connection") == complaints


def test_a_hanging_broker_takes_no_longer_than_the_timeout(broker: RabbitMQ) -> None:
    broker.send(signal.SIGSTOP)
    try:
        assert probe(RabbitmqCheck, {}, broker.port, 0.3) == Result(False, "no answer: timed out")
    finally:
        broker.send(signal.SIGCONT)
    assert probe(RabbitmqCheck, {}, broker.port, 30.0).passing


def test_tls(broker: RabbitMQ) -> None:
    cert = broker.directory.path / "cert.pem"
    trusted = {"ca_file": str(cert), "server_name": "lighthouse.test"}
    assert probe(RabbitmqCheck, {"tls": trusted}, broker.tls_port, 30.0).passing
    assert "certificate refused" in probe(RabbitmqCheck, {"tls": True}, broker.tls_port).reason
    assert not probe(RabbitmqCheck, {}, broker.tls_port, 1.0).passing
    assert not probe(RabbitmqCheck, {"tls": True}, broker.port, 1.0).passing


@pytest.mark.slow
def test_what_the_management_plugin_says(broker: RabbitMQ, app: dict[str, Any]) -> None:
    away = probe(RabbitmqCheck, {"management": {"port": unused()}}, broker.port)
    assert not away.passing
    assert "is the plugin rabbitmq_management enabled?" in away.reason
    everything = managed(broker, fail_on=["alarms", "partitions", "quorum"])
    for config in (managed(broker), everything):
        found = probe(RabbitmqCheck, config, broker.port, 30.0)
        assert found.passing, found
        assert found.reason.endswith("node well")
        assert found.metadata["erlang_node"] == broker.name
    refused = probe(RabbitmqCheck, {**managed(broker), **app}, broker.port)
    assert refused == Result(
        False,
        "management: status 401: app needs the tag 'monitoring'",
        refused.metadata,
    )


@pytest.mark.slow
def test_an_alarm(broker: RabbitMQ) -> None:
    strict = Probe(RabbitmqCheck, managed(broker), broker.port)
    lax = Probe(RabbitmqCheck, managed(broker, fail_on=[]), broker.port)
    assert strict(30.0).passing
    broker.control("set_vm_memory_high_watermark", "absolute", "1")
    try:
        alarmed = eventually(lambda: found if not (found := strict()).passing else None)
        assert alarmed.reason == "alarm: memory; publishers are blocked"
        assert alarmed.metadata["alarms"] == ["memory"]
        assert lax().passing
        assert probe(RabbitmqCheck, {}, broker.port).passing
    finally:
        broker.control("set_vm_memory_high_watermark", "absolute", "8GB")
    eventually(lambda: strict().passing)
