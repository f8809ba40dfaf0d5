"""The bundled checks in the suite of checks, with real services where they can be had."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from grpc_health.v1 import health

from lighthouse.testing import CheckConformance, FakeService
from lighthouse.testing.conformance.plugin import Config
from lighthouse.testing.hosted import PluginHost
from tests.software.postgresql_world import Pair, pair
from tests.software.rabbitmq_world import RabbitMQ, rabbitmq
from tests.software.redis_world import Redis, redis_server
from tests.software.servers import certificate
from tests.software.test_check_grpc import STATES, serving
from tests.software.zookeeper_world import Ensemble, ensemble

Fixture = Iterator[None]


class Answered(CheckConformance):
    """Against a fake service that answers rightly."""

    well: FakeService

    @pytest.fixture(autouse=True)
    def server(self) -> Fixture:
        with FakeService("answers", self.answer) as self.well:
            yield

    def healthy(self) -> tuple[str, int]:
        return self.well.host, self.well.port


class TestHttp(Answered):
    plugin = "http"
    bad_configs: ClassVar[Mapping[str, Config]] = {"status": {"status": "x"}, "uir": {"uir": "/"}}
    # once the status is read, it is known
    passes_on = frozenset({"slow", "half", "stuck"})

    def config(self, directory: Path) -> Config:
        return {}


class TestTcp(Answered):
    plugin = "tcp"
    bad_configs: ClassVar[Mapping[str, Config]] = {
        "response": {"response": 5},
        "qery": {"qery": "x"},
    }
    answer = b"220 ready for mail, and has been for long\r\n"

    def config(self, directory: Path) -> Config:
        return {"response": "for long"}


class TestTcpThatOnlyConnects(Answered):
    plugin = "tcp"
    bad_configs: ClassVar[Mapping[str, Config]] = {"response": {"response": 5}}
    passes_on = frozenset({"silent", "slow", "half", "stuck", "binary", "empty", "endless"})

    def config(self, directory: Path) -> Config:
        return {}


class TestExec(CheckConformance):
    plugin = "exec"
    bad_configs: ClassVar[Mapping[str, Config]] = {
        "command": {"command": 5},
        "comand": {"command": "true", "comand": 1},
    }
    connects = False

    def config(self, directory: Path) -> Config:
        return {"command": ["true"]}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", 1


@pytest.mark.needs("redis")
class TestRedis(CheckConformance):
    plugin = "redis"
    bad_configs: ClassVar[Mapping[str, Config]] = {
        "role": {"role": "king"},
        "pasword": {"pasword": "x"},
    }
    answer = b"-ERR as asked\r\n"
    password = "right"
    redis: ClassVar[Redis]

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls) -> Fixture:
        with redis_server("--requirepass", cls.password) as cls.redis:
            yield

    def config(self, directory: Path) -> Config:
        file = directory / "password"
        file.write_text(self.password)
        return {"password": {"file": str(file)}}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", self.redis.port

    def with_secret(self, file: Path) -> Config:
        return {"password": {"file": str(file)}}


class TestGrpc(CheckConformance):
    plugin = "grpc"
    lingers = 30.0  # gRPC gives up a handshake after 20 s, and no sooner
    bad_configs: ClassVar[Mapping[str, Config]] = {
        "service": {"service": 5},
        "servise": {"servise": "x"},
    }
    port: ClassVar[int]

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls) -> Fixture:
        servicer = health.HealthServicer()
        servicer.set("", STATES.SERVING)
        with serving(servicer) as cls.port:
            yield

    @pytest.mark.slow
    def test_nothing_is_held_that_grows(self, host: PluginHost) -> None:
        super().test_nothing_is_held_that_grows(host)

    def config(self, directory: Path) -> Config:
        return {}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", self.port


@pytest.mark.slow
@pytest.mark.needs("postgresql")
class TestPostgresql(CheckConformance):
    plugin = "postgresql"
    bad_configs: ClassVar[Mapping[str, Config]] = {"role": {"role": "king"}, "usr": {"usr": "x"}}
    password = "right"
    pair: ClassVar[Pair]

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls) -> Fixture:
        with pair() as cls.pair:
            with cls.pair.primary.connect() as connection:
                connection.execute(b"create role lighthouse login password 'right'")
            cls.pair.primary.allow("host all all 127.0.0.1/32 scram-sha-256")
            cls.pair.primary.reload()
            yield

    def config(self, directory: Path) -> Config:
        file = directory / "password"
        file.write_text(self.password)
        return {"password": {"file": str(file)}}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", self.pair.primary.port

    def with_secret(self, file: Path) -> Config:
        return {"password": {"file": str(file)}}


@pytest.mark.slow
@pytest.mark.needs("rabbitmq")
class TestRabbitmq(CheckConformance):
    plugin = "rabbitmq"
    bad_configs: ClassVar[Mapping[str, Config]] = {
        "fail_on": {"fail_on": 5},
        "vhosd": {"vhosd": "x"},
    }
    password = "right"
    broker: ClassVar[RabbitMQ]

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Fixture:
        with rabbitmq(certificate(tmp_path_factory.mktemp("tls"))) as cls.broker:
            yield

    def config(self, directory: Path) -> Config:
        return {}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", self.broker.port

    def with_secret(self, file: Path) -> Config:
        return {"username": "app", "password": {"file": str(file)}}


@pytest.mark.slow
@pytest.mark.needs("zookeeper")
class TestZookeeper(CheckConformance):
    plugin = "zookeeper"
    bad_configs: ClassVar[Mapping[str, Config]] = {
        "session": {"session": 5},
        "sesion": {"sesion": True},
    }
    servers: ClassVar[Ensemble]

    @pytest.fixture(scope="module", autouse=True)
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Fixture:
        with ensemble(tmp_path_factory.mktemp("zookeeper")) as cls.servers:
            yield

    def config(self, directory: Path) -> Config:
        return {}

    def healthy(self) -> tuple[str, int]:
        return "127.0.0.1", self.servers.servers[0].port
