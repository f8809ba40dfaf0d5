"""What the settings of the checks of servers may be."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lighthouse.check import Check
from lighthouse.grpc.check import GrpcCheck, GrpcSettings
from lighthouse.net.tls import Tls
from lighthouse.postgresql.check import PostgresqlCheck, PostgresqlSettings
from lighthouse.postgresql.parameters import encryption
from lighthouse.rabbitmq.check import RabbitmqCheck, RabbitmqSettings
from lighthouse.redis.check import RedisCheck, RedisSettings
from lighthouse.schema import Invalid
from lighthouse.zookeeper.check import ZookeeperCheck, ZooKeeperCheckSettings

SECRET = {"file": "/run/secrets/x"}
KINDS: dict[str, type[Check]] = {
    "redis": RedisCheck,
    "postgresql": PostgresqlCheck,
    "rabbitmq": RabbitmqCheck,
    "zookeeper": ZookeeperCheck,
    "grpc": GrpcCheck,
}
SETTINGS = {
    "redis": RedisSettings,
    "postgresql": PostgresqlSettings,
    "rabbitmq": RabbitmqSettings,
    "zookeeper": ZooKeeperCheckSettings,
    "grpc": GrpcSettings,
}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        *((kind, {}) for kind in KINDS),
        *((kind, {"tls": {"ca_file": "/ca.pem", "server_name": "a.example"}}) for kind in KINDS),
        ("redis", {"username": "probe", "password": SECRET, "role": "replica", "max_lag": 30}),
        ("redis", {"password": {"env": "REDIS_PASSWORD"}, "max_lag": 0.5}),
        ("postgresql", {"user": "me", "dbname": "orders", "password": SECRET}),
        ("postgresql", {"role": "replica", "max_lag": 5, "max_lag_bytes": "16MB"}),
        ("postgresql", {"max_lag_bytes": 0, "tls": {"verify": False}}),
        ("rabbitmq", {"username": "app", "password": SECRET, "vhost": "shop"}),
        ("rabbitmq", {"management": {}, "fail_on": ["alarms", "quorum"]}),
        ("rabbitmq", {"management": {"port": 15671, "tls": True, "prefix": "/rabbit"}}),
        ("zookeeper", {"session": True, "read_only": True}),
        ("grpc", {"service": "shop.Cart"}),
    ],
)
def test_config_that_is_taken(kind: str, config: dict[str, Any]) -> None:
    KINDS[kind].validate_config(config)
    KINDS[kind]().apply_config(config)


@pytest.mark.parametrize(
    ("kind", "config", "path"),
    [
        *((kind, {"tls": {"ca_file": "ca.pem"}}, ("tls", "ca_file")) for kind in KINDS),
        *((kind, {"nmae": 1}, ("nmae",)) for kind in KINDS),
        ("redis", {"password": "plain"}, ("password",)),
        ("redis", {"password": {"file": "relative"}}, ("password", "file")),
        ("redis", {"username": "probe"}, ("username",)),
        ("redis", {"role": "slave"}, ("role",)),
        ("redis", {"max_lag": -1}, ("max_lag",)),
        ("redis", {"role": "master", "max_lag": 1}, ("max_lag",)),
        ("postgresql", {"password": "plain"}, ("password",)),
        ("postgresql", {"user": ""}, ("user",)),
        ("postgresql", {"dbname": "a\0b"}, ("dbname",)),
        ("postgresql", {"role": "master"}, ("role",)),
        ("postgresql", {"max_lag_bytes": "16 MBit"}, ("max_lag_bytes",)),
        ("postgresql", {"role": "primary", "max_lag": 1}, ("max_lag",)),
        ("rabbitmq", {"password": "guest"}, ("password",)),
        ("rabbitmq", {"username": "app"}, ("username",)),
        ("rabbitmq", {"vhost": "x" * 256}, ()),
        ("rabbitmq", {"fail_on": ["alarms"]}, ("fail_on",)),
        ("rabbitmq", {"management": {}, "fail_on": ["alarm"]}, ("fail_on", 0)),
        ("rabbitmq", {"management": {"port": 0}}, ("management", "port")),
        ("rabbitmq", {"management": {"prefix": "a"}}, ("management", "prefix")),
        (
            "rabbitmq",
            {"management": {"tls": {"key_file": "/k"}}},
            ("management", "tls", "key_file"),
        ),
        ("grpc", {"tls": {"verify": False}}, ("tls", "verify")),
    ],
)
def test_config_that_is_refused_with_its_place(
    kind: str, config: dict[str, Any], path: tuple[str, ...]
) -> None:
    with pytest.raises(Invalid) as caught:
        KINDS[kind].validate_config(config)
    assert path in [problem.path for problem in caught.value.problems]
    assert "plain" not in str(caught.value), "a secret is never repeated"


def test_postgresql_encryption() -> None:
    assert encryption(False) == {"sslmode": "disable"}
    own = {"sslcert": "/c.pem", "sslkey": "/c.pem"}
    assert encryption(Tls(verify=False, cert_file="/c.pem")) == {
        "sslmode": "require",
        "sslrootcert": "/dev/null/none",
        **own,
    }
    wanted = {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}
    assert encryption(Tls(ca_file="/ca.pem")) == wanted
    key = {"sslcert": "/c.pem", "sslkey": "/k.pem"}
    assert (
        encryption(Tls(ca_file="/ca.pem", cert_file="/c.pem", key_file="/k.pem")) == wanted | key
    )


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", KINDS)
def test_the_manual_names_every_key(kind: str) -> None:
    manual = (ROOT / "docs" / "checks.md").read_text()
    section = manual.split(f"\n## `{kind}`\n")[1].split("\n## ")[0]
    settings = SETTINGS[kind]
    for key in settings.__struct_fields__:
        assert f"| `{key}` |" in section, f"{kind}.{key}"


def test_what_the_sample_has_commented_out_is_right() -> None:
    sample = (ROOT / "etc" / "lighthouse" / "services" / "webapp.yaml").read_text()
    lines = re.findall(r"^ *#(\w+: \{.*\})$", sample, re.MULTILINE)
    shown = yaml.safe_load("\n".join(lines))
    assert set(KINDS) <= set(shown)
    for kind, config in shown.items():
        if kind in KINDS:
            KINDS[kind].validate_config(config)
