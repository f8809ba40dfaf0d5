"""The web worker beside a real daemon: it is served, it may fail, and nobody else notices."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Fleet, get, running
from tests.ports import free_port
from tests.recorder import SOURCE
from tests.waiting import eventually

TOKEN = "0123456789abcdef0123"


class Site:
    """A daemon that serves its page at ``port``."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.port = free_port()
        fleet.plugin("recorder", SOURCE)
        fleet.write("balancers/recorder.yaml", {"path": str(fleet.record)})
        fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": {}})
        (fleet.nodes / "web").mkdir()
        fleet.node("web", "n1", 1001)

    def configure(self, **web: object) -> None:
        places = {"run_dir": str(self.fleet.run_dir), "state_dir": str(self.fleet.root / "state")}
        section = {"listen": f"127.0.0.1:{self.port}", **web}
        content = {**places, "advertise": "127.0.0.1", "web": section}
        self.fleet.write("lighthouse.yaml", content)

    def start(self) -> None:
        self.fleet.start()
        eventually(lambda: get(self.port, "/metrics")[0] == 200, 30)

    def metric(self, line: str) -> float:
        """The value of a metric, by its name and labels."""
        for row in get(self.port, "/metrics")[1].splitlines():
            name, _, value = row.rpartition(" ")
            if name == line:
                return float(value)
        raise AssertionError(f"no {line}")

    def pid(self) -> int:
        pid = self.fleet.worker("web", "web")["pid"]
        assert isinstance(pid, int)
        return pid

    def served(self, name: str, port: int) -> None:
        """Have a node come, and wait until the balancer has it."""
        self.fleet.node("web", name, port)
        eventually(lambda: name in self.fleet.record.read_text(), 10)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        site = Site(fleet)
        site.configure()
        yield site
        fleet.close()
        assert fleet.leftovers() == []


def test_each_scrape_has_the_state_of_its_moment(site: Site) -> None:
    site.start()
    nodes = 'lighthouse_cluster_nodes{cluster="web"}'
    eventually(lambda: site.metric(nodes) == 1, 10)
    site.served("n2", 1002)
    assert site.metric(nodes) == 2
    assert site.metric("lighthouse_status_age_seconds") < 1
    took = 'lighthouse_change_duration_seconds_count{balancer="recorder",stage="%s"}'
    counts = {stage: site.metric(took % stage) for stage in ("observed", "supervisor", "total")}
    assert len(set(counts.values())) == 1
    assert counts["total"] >= 1
    # What no worker of its kind says ends it; each has said by then what it says again and again.
    eventually(lambda: time.time() - site.fleet.worker("files", "discovery")["since"] > 2.5, 20)
    assert {worker["name"]: worker["ends"] for worker in site.fleet.status()["workers"]} == {
        "recorder": {},
        "files": {},
        "web": {},
    }


@pytest.mark.slow
def test_it_may_be_killed_and_hang_and_nobody_waits_for_it(site: Site) -> None:
    site.start()
    first = site.pid()
    os.kill(first, signal.SIGKILL)
    site.served("n2", 1002)
    restarts = 'lighthouse_worker_restarts_total{kind="web",reason="killed",worker="web"}'
    eventually(lambda: site.metric(restarts) == 1, 20)
    second = site.pid()
    assert second != first
    os.kill(second, signal.SIGSTOP)
    site.served("n3", 1003)
    hung = 'lighthouse_worker_restarts_total{kind="web",reason="hung",worker="web"}'
    eventually(lambda: site.metric(hung) == 1, 40)
    assert site.fleet.worker("recorder")["restarts"] == 0


@pytest.mark.slow
def test_another_address_is_taken_without_a_restart_and_a_taken_one_is_told(site: Site) -> None:
    site.start()
    pid, before = site.pid(), site.port
    site.port = free_port()
    with socket.create_server(("127.0.0.1", site.port)):
        site.configure()

        def told() -> str:
            reason: str = site.fleet.worker("web", "web")["reason"]
            return reason if "cannot be listened at" in reason else ""

        assert "Address already in use" in eventually(told, 10)
        assert site.fleet.lighthouse("status").returncode == 1
    eventually(lambda: get(site.port, "/metrics")[0] == 200, 10)
    with pytest.raises(ConnectionRefusedError):
        get(before)
    assert site.pid() == pid
    site.fleet.write("lighthouse.yaml", {"run_dir": str(site.fleet.run_dir), "web": False})
    eventually(lambda: all(w["kind"] != "web" for w in site.fleet.status()["workers"]), 10)


def test_without_the_extra_it_says_what_to_install_and_all_others_work(site: Site) -> None:
    hidden = site.fleet.root / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(HIDE)
    site.fleet.env["PYTHONPATH"] += f":{hidden}"
    remedy = "the status page needs uvicorn: "
    checked = site.fleet.lighthouse("check")
    assert checked.returncode == 1
    assert "lighthouse.yaml:4:1: web web" in checked.stdout
    assert remedy in checked.stdout
    assert "-m pip install 'lighthouse-balancer[web]'" in checked.stdout
    site.fleet.start()
    site.served("n2", 1002)

    def told() -> bool:
        return remedy in str(site.fleet.status()["problems"])

    eventually(told, 10)
    assert site.fleet.worker("recorder")["healthy"]


HIDE = """
import importlib.machinery
find = importlib.machinery.PathFinder.find_spec

def hidden(name, *more):
    return None if name == "uvicorn" else find(name, *more)

importlib.machinery.PathFinder.find_spec = hidden
"""
