"""All checks and discoveries that know a secret, in one daemon: nothing ever tells it."""

import contextlib
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Fleet, running
from tests.software.etcd_world import running as etcd_running
from tests.software.postgresql_world import PostgreSQL, pair
from tests.software.rabbitmq_world import rabbitmq
from tests.software.redis_world import Redis, redis_server
from tests.software.zookeeper_world import ensemble
from tests.waiting import eventually

pytestmark = [
    pytest.mark.needs("zookeeper"),
    pytest.mark.needs("postgresql"),
    pytest.mark.needs("rabbitmq"),
    pytest.mark.needs("redis"),
    pytest.mark.timeout(240),
]

# Of what quotes, connection strings and URLs are made.
FIRST = "fir5t s'e\"c\\re%74 &x=$HOME"
SECOND = "sec0nd s'e\"c\\re%74 @host:1/#"
WRONG = "wr0ngsecret"
KEYS = ("fir5t", "sec0nd", WRONG)
END = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lighthouse'"


class Host:
    """A daemon whose checks and discoveries have their secrets in files."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.secrets = fleet.root.parent / "secrets"
        self.secrets.mkdir(mode=0o700)

    def secret(self, name: str, content: str) -> dict[str, str]:
        """A reference to a secret, with this content from now on."""
        beside = self.secrets / f".{name}"
        beside.write_text(content + "\n")
        beside.replace(self.secrets / name)
        return {"file": str(self.secrets / name)}

    def service(self, name: str, port: int, **settings: Any) -> None:
        check = {"interval": 0.2, "timeout": 3, **settings}
        self.fleet.write(
            f"services/{name}.yaml", {"port": port, "discovery": "files", "checks": {name: check}}
        )

    def status(self) -> dict[str, Any]:
        return self.fleet.status()

    def up(self, name: str) -> bool:
        return any(one["name"] == name and one["up"] for one in self.status()["services"])

    def pids(self) -> dict[str, int]:
        """The process of each worker."""
        return {f"{one['kind']} {one['name']}": one["pid"] for one in self.status()["workers"]}

    def told(self) -> Iterator[tuple[str, bytes]]:
        """All that the daemon says, by where it says it."""
        for words in (
            ("status",),
            ("status", "--json"),
            ("plan",),
            ("plan", "--json"),
            ("check",),
        ):
            done = self.fleet.lighthouse(*words)
            yield " ".join(words), (done.stdout + done.stderr).encode()
        for worker in self.fleet.status()["workers"]:
            name = worker["name"]
            done = self.fleet.lighthouse("status", "--worker", name)
            yield f"--worker {name}", (done.stdout + done.stderr).encode()
            with contextlib.suppress(OSError):
                place = Path(f"/proc/{worker['pid']}")
                yield f"title {name}", (place / "cmdline").read_bytes()
                yield f"environment {name}", (place / "environ").read_bytes()
        for path in self.fleet.root.rglob("*"):
            if path.is_file():
                yield str(path.relative_to(self.fleet.root)), path.read_bytes()

    def leaks(self) -> list[str]:
        return [
            f"{key} in {where}"
            for where, content in self.told()
            for key in KEYS
            if key.encode() in content
        ]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "host").mkdir()
    with running(tmp_path / "host") as fleet:
        fleet.write(
            "lighthouse.yaml",
            (fleet.config / "lighthouse.yaml").read_text() + "log_level: debug\n",
        )
        yield Host(fleet)


def quoted(secret: str) -> str:
    return secret.replace("'", "''")


@pytest.mark.slow
def test_whatever_happens_to_passwords_and_servers_no_secret_is_told(
    host: Host, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        redis: Redis = stack.enter_context(redis_server("--requirepass", FIRST))
        postgres: PostgreSQL = stack.enter_context(pair()).primary
        broker = stack.enter_context(rabbitmq())
        zookeeper = stack.enter_context(ensemble(tmp_path / "zk"))
        etcd = stack.enter_context(etcd_running(tmp_path / "etcd"))
        postgres.ask("set password_encryption = 'scram-sha-256'")
        postgres.ask(f"create role lighthouse login password '{quoted(FIRST)}'")
        postgres.allow("host all lighthouse 127.0.0.1/32 scram-sha-256")
        postgres.reload()
        etcd.guard("fleet", FIRST, "/x/")

        host.service("redis", redis.port, password=host.secret("redis", FIRST))
        host.service("postgresql", postgres.port, password=host.secret("postgresql", FIRST))
        rabbit = {"username": "app", "password": host.secret("rabbitmq", "right")}
        host.service("rabbitmq", broker.port, **rabbit)
        host.service("zookeeper", zookeeper.servers[0].port, session=True)
        auth = {"user": "fleet", "password": host.secret("zookeeper", FIRST)}
        host.fleet.write(
            "discovery/zk.yaml",
            {
                "plugin": "zookeeper",
                "hosts": zookeeper.hosts,
                "path": "/x",
                "auth": auth,
                "acl": "owner",
            },
        )
        auth = {"user": "fleet", "password": host.secret("etcd", FIRST)}
        host.fleet.write(
            "discovery/etcd.yaml",
            {"plugin": "etcd", "endpoints": etcd.endpoints, "path": "/x", "auth": auth},
        )
        host.fleet.cluster("web", discovery=["zk", "etcd"])
        host.fleet.write("services/web.yaml", {"port": 1, "discovery": ["zk", "etcd"]})
        host.fleet.start()
        names = ("redis", "postgresql", "rabbitmq", "zookeeper", "web")
        eventually(lambda: all(host.up(name) for name in names), 60)

        # Rotated on the server: wrong until the file has the new one.
        with redis.client(password=FIRST) as admin:
            admin.config_set("requirepass", SECOND)
        postgres.ask(f"alter role lighthouse password '{quoted(SECOND)}'")
        postgres.ask(END)
        host.secret("rabbitmq", WRONG)
        rotated = ("redis", "postgresql", "rabbitmq")
        eventually(lambda: not any(host.up(name) for name in rotated), 60)
        assert host.leaks() == []
        host.secret("redis", SECOND)
        host.secret("postgresql", SECOND)
        host.secret("rabbitmq", "right")
        eventually(lambda: all(host.up(name) for name in names), 60)

        # Written into the file as it is: refused, with the way to do it; what ran, runs on.
        host.service("redis", redis.port, password=WRONG)
        eventually(lambda: any("{env: VARIABLE}" in one for one in host.status()["problems"]))
        assert host.up("redis")
        copy = host.fleet.root / "state" / "config"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        places = ("config/services/redis.yaml", "state/config")
        assert {leak.split(" in ")[1] for leak in host.leaks()} <= {*places}
        host.service("redis", redis.port, password=host.secret("redis", SECOND))
        eventually(lambda: host.status()["healthy"], 30)

        # All die and come back under a storm of SIGHUP; nobody is restarted for it.
        pids = host.pids()
        redis.stop()
        broker.send(signal.SIGSTOP)
        postgres.stop()
        zookeeper.servers[0].kill()
        for _ in range(20):
            host.fleet.daemon.send_signal(signal.SIGHUP)
            host.status()
        away = ("redis", "rabbitmq", "postgresql", "zookeeper")
        eventually(lambda: not any(host.up(name) for name in away), 60)
        assert host.up("web")
        redis.start("--requirepass", SECOND)
        broker.send(signal.SIGCONT)
        postgres.start()
        zookeeper.start()
        eventually(lambda: all(host.up(name) for name in names), 90)
        eventually(lambda: host.status()["healthy"], 60)
        assert host.pids() == pids
        assert host.leaks() == []


def test_a_password_in_a_url_is_refused_and_never_told(tmp_path: Path) -> None:
    """In every command, the status and the log; by a plugin that prints it too."""
    url = "http://root:hunt3r@127.0.0.1:1"
    loud = f"""
from lighthouse import hookimpl
from lighthouse.check import Check, Result

class Loud(Check):
    def perform(self, host, port, timeout):
        print("asking {url}")
        raise RuntimeError("cannot ask {url}")

    def status(self):
        return {{"url": "{url}"}}

@hookimpl
def lighthouse_check():
    return Loud
"""
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.plugin("loud", loud, "check")
        fleet.write("discovery/etcd.yaml", {"endpoints": [url], "path": "/x"})
        checks = {"loud": {"url": url}, "interval": 0.2}
        fleet.write("services/web.yaml", {"port": 80, "discovery": "files", "checks": checks})
        fleet.start()
        eventually(lambda: "cannot ask" in str(fleet.status()["services"]), 30)
        eventually(lambda: "etcd.yaml:" in str(fleet.status()["problems"]), 30)
        told = [fleet.log.read_text(), str(fleet.status())]
        for words in (["status"], ["status", "--json"], ["check"], ["plan"], ["plan", "--json"]):
            done = fleet.lighthouse(*words)
            told += [done.stdout, done.stderr]
        assert "***@127.0.0.1:1" in told[0]
        assert not [text for text in told if "hunt3r" in text]
