"""A plugin of the four methods, which writes all clusters into one file, and what nobody knows."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Fleet, running
from tests.waiting import eventually

SOURCE = """
from pathlib import Path

from lighthouse import hookimpl
from lighthouse.balancer import Balancer


class Plain(Balancer):
    def apply_config(self, config):
        self.path = Path(config["path"])

    def sync_file(self, clusters):
        used = [c for c in clusters if c.config is not None]
        lines = [f"{c.name}: {' '.join(n.name for n in c.nodes)}" for c in used]
        text = "\\n".join(lines)
        with self.path.with_suffix(".history").open("a") as history:
            print(lines, file=history)
        self.path.with_suffix(".new").write_text(text)
        self.path.with_suffix(".new").rename(self.path)


@hookimpl
def lighthouse_balancer():
    return Plain
"""

FORMER = "db: old:4\nweb: old:4"


class Host:
    """A fleet with the plain plugin, two discoveries and a cluster of each."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.output = fleet.root / "plain"
        self.sources = {name: fleet.root / name for name in ("one", "two")}
        (fleet.config / "balancers/haproxy.yaml").unlink()
        (fleet.config / "discovery/files.yaml").unlink()
        fleet.plugin("plain", SOURCE)
        fleet.write("balancers/plain.yaml", {"path": str(self.output)})
        for name, path in self.sources.items():
            fleet.discover(name, {"plugin": "file", "path": str(path), "poll": 0.1})

    def cluster(self, name: str, discovery: str) -> None:
        self.fleet.write(f"clusters/{name}.yaml", {"discovery": discovery, "plain": {}})

    def node(self, discovery: str, cluster: str, name: str) -> None:
        """The cluster's directory appears with its first node in it, or it would be empty."""
        source = self.sources[discovery]
        self.fleet.nodes = source if (source / cluster).exists() else source.with_suffix(".new")
        self.fleet.nodes.mkdir(exist_ok=True)
        self.fleet.node(cluster, name, ord(name) - ord("a") + 1)
        if self.fleet.nodes != source:
            source.mkdir(exist_ok=True)
            (self.fleet.nodes / cluster).rename(source / cluster)

    def reason(self) -> str:
        return str(self.fleet.worker("plain")["reason"])

    def kill_worker(self) -> None:
        pid = self.fleet.worker("plain")["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.fleet.worker("plain")["pid"] not in (pid, None))

    def wrote(self) -> list[str]:
        path = self.output.with_suffix(".history")
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with running(tmp_path) as fleet:
        yield Host(fleet)
        fleet.close()
        assert fleet.leftovers() == []


def test_what_runs_stays_until_all_of_it_is_known(host: Host) -> None:
    """At the very first start, beside a healthy discovery, and across the plugin's restart."""
    host.output.write_text(FORMER)
    host.cluster("web", "one")
    host.cluster("db", "two")
    host.node("one", "web", "a")
    planned = host.fleet.lighthouse("plan")
    assert planned.stdout.startswith("plain: waits: nobody has said yet who the nodes of db, web")
    host.fleet.start()
    told = "held: nobody has said yet who the nodes of db are: what runs is left as it is"
    eventually(lambda: host.reason().startswith(told))
    host.kill_worker()
    eventually(lambda: host.reason().startswith(told))
    assert (
        "waits: nobody has said yet who the nodes of db are"
        in host.fleet.lighthouse("plan").stdout
    )
    waiting = host.fleet.lighthouse("wait", "web", "--timeout", "0.1")
    assert "nobody has said yet who the nodes of db are" in waiting.stdout + waiting.stderr
    assert (host.output.read_text(), host.wrote()) == (FORMER, [])
    host.node("two", "db", "b")
    eventually(lambda: host.output.read_text() == "db: b:2\nweb: a:1")
    assert len(host.wrote()) == 1
    eventually(lambda: not host.reason().startswith("held"))


def test_a_new_cluster_that_nobody_knows_holds_nobody_up(host: Host) -> None:
    """Not the others' changes, and not after a restart of the plugin or the daemon either."""
    host.cluster("web", "one")
    host.node("one", "web", "a")
    host.fleet.start()
    eventually(lambda: host.output.read_text() == "web: a:1")
    host.cluster("db", "two")
    eventually(lambda: len(host.fleet.status()["clusters"]) == 2)
    host.node("one", "web", "b")
    eventually(lambda: host.output.read_text() == "web: a:1 b:2")
    host.kill_worker()
    host.node("one", "web", "c")
    eventually(lambda: host.output.read_text() == "web: a:1 b:2 c:3")
    handed = host.fleet.root / "state/handed"
    eventually(lambda: b"web" in handed.read_bytes())
    host.fleet.kill()
    host.node("one", "web", "d")
    host.fleet.start()
    eventually(lambda: host.output.read_text() == "web: a:1 b:2 c:3 d:4")
    assert not any("db" in line for line in host.wrote())
    host.node("two", "db", "e")
    eventually(lambda: host.output.read_text() == "db: e:5\nweb: a:1 b:2 c:3 d:4")


def test_what_was_served_is_waited_for_though_its_record_is_lost(host: Host) -> None:
    for name, discovery in (("web", "one"), ("db", "two")):
        host.cluster(name, discovery)
        host.node(discovery, name, "a")
    host.fleet.start()
    served = "db: a:1\nweb: a:1"
    eventually(lambda: host.output.read_text() == served)
    state = host.fleet.root / "state"
    eventually(lambda: b"db" in (state / "handed").read_bytes())
    eventually(lambda: (state / "clusters/db").exists())
    host.fleet.kill()
    (state / "clusters/db").unlink()
    shutil.rmtree(host.sources["two"])
    host.node("one", "web", "b")
    before = len(host.wrote())
    host.fleet.start()
    eventually(lambda: host.reason().startswith("held: nobody has said yet who the nodes of db"))
    assert (host.output.read_text(), len(host.wrote())) == (served, before)
    host.node("two", "db", "c")
    eventually(lambda: host.output.read_text() == "db: c:3\nweb: a:1 b:2")


def test_plan_does_not_claim_to_know_what_a_plugin_without_preview_would_do(host: Host) -> None:
    host.cluster("web", "one")
    host.node("one", "web", "a")
    host.fleet.start()
    eventually(lambda: host.output.read_text() == "web: a:1")
    planned = host.fleet.lighthouse("plan")
    assert planned.stdout == "plain: cannot tell: the plugin 'plain' has no preview\n"
    assert planned.returncode == 1
    assert (
        '"error": "the plugin \'plain\' has no preview"'
        in host.fleet.lighthouse("plan", "--json").stdout
    )
