"""The recipes of docs/template.md as they stand there, with the software that they are for."""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import psycopg
import pytest
import yaml

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.template.balancer import Template
from tests.backends import serving
from tests.fleet import get
from tests.ports import free_port
from tests.requirements import command
from tests.software.daemon import Directory, account
from tests.software.postgresql_world import PostgreSQL
from tests.waiting import eventually

MANUAL = Path(__file__).parents[2] / "docs" / "template.md"
BLOCK = re.compile(r"```(?:yaml|sh)\n(.*?)```", re.DOTALL)
HOSTILE = {"zone": 'a"}], "x": [{"', "role": "replica\\"}


class Kitchen:
    """A recipe with all of its paths below a directory, and the balancer that follows it."""

    def __init__(self, directory: Path, name: str, **paths: str) -> None:
        text = found(f"# balancers/{name}.yaml")
        for path, instead in paths.items():
            text = text.replace(path, instead)
        text = re.sub(r"(?<![\w\"}])/(?:etc|var|run)(?=/)", str(directory), text)
        config: dict[str, Any] = yaml.safe_load(text)
        assert config.pop("plugin") == "template"
        self.path = Path(config["files"][0]["path"])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        Template.validate_config(config)
        self.balancer = Template()
        self.balancer.apply_config({**config, "min_interval": 0})

    def cook(self, *clusters: Cluster, kind: str = "applied") -> str:
        outcome = self.balancer.sync_file(list(clusters))
        assert outcome.kind == kind, outcome
        return outcome.reason


def found(head: str) -> str:
    """The block of the manual that has this line near its top."""
    (text,) = [one for one in BLOCK.findall(MANUAL.read_text()) if head in one[:200]]
    return str(text)


def cluster(name: str, *nodes: Node) -> Cluster:
    return Cluster(name, list(nodes), {})


WEB = cluster(
    "web",
    Node("a", "10.0.0.1", 80, metadata={"zone": "z1"}),
    Node("b", "10.0.0.2", 80, 0, metadata=HOSTILE),
    Node("c", "fd00::1", 81),
)


@pytest.mark.needs("promtool")
def test_prometheus(tmp_path: Path) -> None:
    """promtool discovers as Prometheus does, with the same code."""
    kitchen = Kitchen(tmp_path, "prometheus")
    kitchen.cook(WEB)
    own = re.sub(r"/etc", str(tmp_path), found("# prometheus.yml"))
    (tmp_path / "prometheus.yml").write_text(own)
    words = ["promtool", "check", "service-discovery", "--timeout=1s"]
    done = subprocess.run(
        [*words, str(tmp_path / "prometheus.yml"), "lighthouse"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    labels = [one["labels"] for one in json.loads(done.stdout)]
    targets = {one["__address__"]: (one["cluster"], one.get("zone", "")) for one in labels}
    assert targets == {
        "10.0.0.1:80": ("web", "z1"),
        "10.0.0.2:80": ("web", HOSTILE["zone"]),
        "[fd00::1]:81": ("web", ""),
    }
    kitchen.cook(cluster("web"))
    assert json.loads(kitchen.path.read_text()) == []


@contextlib.contextmanager
def dnsmasq(directory: Path, hosts: Path, pid_file: Path) -> Iterator[int]:
    port = free_port()
    line = [command("dnsmasq") or "dnsmasq", "--keep-in-foreground", f"--port={port}"]
    line += ["--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts"]
    line += [f"--addn-hosts={hosts}", f"--pid-file={pid_file}", "--conf-file=/dev/null"]
    line += ["--user=root"] if os.geteuid() == 0 else []
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def addresses(port: int, name: str) -> set[str]:
    query = dns.message.make_query(f"{name}.", "A")
    try:
        answer = dns.query.udp(query, "127.0.0.1", 1, port)
    except dns.exception.Timeout as error:
        raise OSError("no answer") from error
    return {str(one) for rrset in answer.answer for one in rrset}


@pytest.mark.needs("dnsmasq")
def test_dnsmasq(tmp_path: Path) -> None:
    kitchen = Kitchen(tmp_path, "dnsmasq")
    pid_file = tmp_path / "dnsmasq/dnsmasq.pid"
    pid_file.parent.mkdir()
    assert "nobody was told" in kitchen.cook(WEB, kind="degraded")
    with dnsmasq(tmp_path, kitchen.path, pid_file) as port:
        eventually(lambda: addresses(port, "web.lighthouse") == {"10.0.0.1"})
        nodes = (Node("a", "10.0.0.1", 80), Node("d", "10.0.0.4", 80))
        kitchen.cook(cluster("web", *nodes))
        eventually(lambda: addresses(port, "web.lighthouse") == {"10.0.0.1", "10.0.0.4"})
        assert addresses(port, "d.web.lighthouse") == {"10.0.0.4"}
        kitchen.cook(cluster("web"), kind="unchanged")
        assert addresses(port, "web.lighthouse") == {"10.0.0.1", "10.0.0.4"}


def test_applications(tmp_path: Path) -> None:
    kitchen = Kitchen(tmp_path, "applications")
    kitchen.cook(cluster("db"), WEB)
    said = json.loads(kitchen.path.read_text())
    assert said["db"] == []
    assert [node["place"] for node in said["web"]] == [
        "10.0.0.1:80",
        "10.0.0.2:80",
        "[fd00::1]:81",
    ]
    assert said["web"][1]["metadata"] == HOSTILE


@pytest.mark.needs("postgresql")
def test_libpq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq itself goes on to the host that answers."""
    kitchen = Kitchen(tmp_path, "libpq")
    monkeypatch.setenv("PGSERVICEFILE", str(kitchen.path))
    directory = Directory(account("postgres"))
    server = PostgreSQL(directory, "n1")
    try:
        server.create()
        server.start()
        nodes = (Node("a", "127.0.0.1", free_port()), Node("b", "127.0.0.1", server.port))
        kitchen.cook(cluster("empty"), cluster("orders", *nodes))
        with psycopg.connect(service="orders", user="postgres") as connection:
            row = connection.execute("select current_database(), inet_server_port()").fetchone()
        assert row == ("postgres", server.port)
    finally:
        server.stop()
        directory.close()


@pytest.fixture
def readable() -> Iterator[Path]:
    """A directory that the user to whom varnishd changes can read."""
    directory = Directory(None)
    directory.path.chmod(0o755)
    yield directory.path
    directory.close()


@pytest.mark.needs("varnish")
@pytest.mark.slow
def test_varnish(readable: Path) -> None:
    workdir, port = readable / "varnish-n", free_port()
    script = readable / "varnish-lighthouse"
    own = found("# /usr/local/sbin/varnish-lighthouse")
    script.write_text(own.replace("varnishadm", f"varnishadm -n {workdir}"))
    script.chmod(0o755)
    kitchen = Kitchen(readable, "varnish", **{"/usr/local/sbin/varnish-lighthouse": str(script)})
    first = readable / "first.vcl"
    first.write_text("vcl 4.1;\nbackend default none;\n")
    line = [command("varnishd") or "varnishd", "-F", "-j", "none", "-n", str(workdir)]
    line += ["-a", f"127.0.0.1:{port}", "-f", str(first), "-s", "malloc,1m"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: get(port)[0] == 503, within=30)
        with serving(2) as servers:
            assert kitchen.balancer.preview([cluster("web-1", servers[0].node())]).findings == ()
            for server in servers:
                kitchen.cook(cluster("web-1", server.node()))
                assert get(port, f"/{server.name}") == (200, server.name)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("primaries", [0, 1, 2])
def test_redis(tmp_path: Path, primaries: int) -> None:
    kitchen = Kitchen(tmp_path, "redis")
    nodes = [
        Node(
            f"r{n}",
            f"10.0.0.{n}",
            6379,
            metadata={"role": "master" if n < primaries else "replica"},
        )
        for n in range(3)
    ]
    if primaries == 1:
        kitchen.cook(cluster("cache", *nodes))
        assert json.loads(kitchen.path.read_text()) == {
            "host": "10.0.0.0",
            "port": 6379,
            "replicas": ["10.0.0.1:6379", "10.0.0.2:6379"],
        }
    else:
        reason = kitchen.cook(cluster("cache", *nodes), kind="held")
        assert reason == f"a file stays as it is: there are {primaries} primaries"
        assert not kitchen.path.exists()
