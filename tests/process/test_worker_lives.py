"""What workers do to their supervisor, and what it makes of them."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.fleet import Fleet
from tests.injection import prepare
from tests.recorder import nodes
from tests.waiting import eventually

BALANCER = """
import json, os, socket, subprocess, sys, threading, time
import msgspec
from lighthouse import hookimpl
from lighthouse.balancer import Balancer


def say(message, payload=b""):
    channel = socket.socket(fileno=os.dup(int(sys.argv[3])))
    channel.send(msgspec.msgpack.encode([message, payload]))


class Odd(Balancer):
    handles_unknown = True

    def apply_config(self, config):
        self.config = config

    def sync_file(self, clusters):
        exec(self.config["do"], globals())


@hookimpl
def lighthouse_balancer():
    return Odd
"""

FLOOD = """
import os, socket, sys, threading
import msgspec
from lighthouse import hookimpl
from lighthouse.discovery import Discovery, Reading

NODES = [{"host": f"h{n}", "ip": "10.0.0.1", "port": n, "weight": 1, "metadata": {}, "peer": None}
         for n in range(1, 100)]


class Flood(Discovery):
    read_only = True

    def connect(self, on_reading, on_connection):
        pass

    def start_watching(self, cluster):
        threading.Thread(target=self.flood, args=(cluster,), daemon=True).start()

    def stop_watching(self, cluster):
        pass

    def flood(self, cluster):
        channel = socket.socket(fileno=os.dup(int(sys.argv[3])))
        body = msgspec.msgpack.encode({"nodes": NODES, "refused": []})
        head = {"type": "Observed", "cluster": cluster, "trace": "", "observed_at": 1.0}
        packet = msgspec.msgpack.encode([head, body])
        while True:
            try:
                channel.send(packet)
            except BlockingIOError:
                pass


@hookimpl
def lighthouse_discovery():
    return Flood
"""

UNSHOWABLE = [
    "say({'type': 'Alive', 'status': {None: 1}})",
    "say({'type': 'Alive', 'status': {'x': {(1, 2): 3}}})",
    "say({'type': 'Alive', 'status': {'x': msgspec.msgpack.Ext(5, b'')}})",
    "say({'type': 'Observed', 'cluster': 'web', 'trace': '', 'observed_at': 1.0})",
    "say({'type': 'Verdicts'}, msgspec.msgpack.encode([]))",
    "say({'type': 'Leave'})",
]


@pytest.fixture
def odd(fleet: Fleet) -> Callable[..., None]:
    """Configures a balancer ``odd`` that runs a piece of code in each sync."""
    fleet.plugin("odd", BALANCER)

    def configure(do: str, **worker: Any) -> None:
        fleet.write("balancers/odd.yaml", {"do": do, "worker": worker})

    return configure


def test_what_cannot_be_used_costs_the_worker_that_said_it(fleet: Fleet) -> None:
    fleet.plugin("odd", BALANCER)
    saying = {f"odd-{number}": do for number, do in enumerate(UNSHOWABLE)}
    for name, do in saying.items():
        fleet.write(f"balancers/{name}.yaml", {"plugin": "odd", "do": do})
    fleet.start()
    assert fleet.daemon is not None
    for name, do in saying.items():
        eventually(lambda n=name: fleet.worker(n)["restarts"] >= 1, 30, do)
        worker = fleet.worker(name)
        assert "message: " in worker["last_exit"], do
        assert not worker["healthy"], do
    fleet.node("web", "one", 80)
    eventually(lambda: "one:80" in nodes(fleet.record, "web"))
    status = fleet.status()
    assert (status["supervisor"]["pid"], status["healthy"]) == (fleet.daemon.pid, False)
    assert status["supervisor"]["internal_errors"] == 0


def test_a_worker_that_says_too_much_waits_and_nobody_else_does(fleet: Fleet) -> None:
    fleet.plugin("flood", FLOOD, "discovery")
    fleet.write("discovery/flood.yaml", {})
    fleet.write("clusters/many.yaml", {"discovery": "flood", "recorder": {}})
    fleet.start()
    eventually(lambda: "says more than" in fleet.worker("flood", "discovery")["reason"], 30)
    for port in (1, 2, 3):
        began = time.monotonic()
        fleet.status()
        assert time.monotonic() - began < 2
        fleet.node("web", f"n{port}", port)
        eventually(lambda port=port: f"n{port}:{port}" in nodes(fleet.record, "web"), 5)
    assert fleet.worker("flood", "discovery")["restarts"] == 0
    (fleet.config / "clusters/many.yaml").unlink()
    (fleet.config / "discovery/flood.yaml").unlink()

    def gone() -> bool:
        return not [w for w in fleet.status()["workers"] if w["name"] == "flood"]

    eventually(gone, 10)


def test_a_worker_in_a_kill_loop_is_never_healthy(fleet: Fleet, odd: Callable[..., None]) -> None:
    odd("time.sleep(3600)", sync_timeout=1, start_timeout=10)
    fleet.start()
    seen: list[tuple[bool, str, int]] = []

    def killed_twice() -> bool:
        status = fleet.status()
        worker = next(w for w in status["workers"] if w["name"] == "odd")
        seen.append((status["healthy"], worker["reason"], worker["restarts"]))
        return bool(worker["restarts"] >= 2 and worker["state"] == "running")

    eventually(killed_twice, 40)
    assert not any(healthy for healthy, _, _ in seen)
    assert all(reason for _, reason, _ in seen)
    assert "has not applied anything yet" in seen[-1][1]


def test_a_worker_that_was_killed_is_in_doubt_for_a_while(fleet: Fleet) -> None:
    fleet.start()
    eventually(lambda: fleet.status()["healthy"], 30)
    os.kill(fleet.worker("recorder")["pid"], signal.SIGKILL)
    eventually(lambda: fleet.worker("recorder")["restarts"] == 1)
    eventually(lambda: fleet.worker("recorder")["snapshot"]["outcome"] == "applied")
    eventually(lambda: "was started again" in fleet.worker("recorder")["reason"])
    assert not fleet.status()["healthy"]


FORKS = """
subprocess.Popen(["sh", "-c", "while :; do sleep 1000.%(mark)d & sleep 0.01; done"],
                 process_group=0)
subprocess.Popen(["sh", "-c", "sleep 1000.%(mark)d & sleep 1000.%(mark)d"])
"""


def test_nothing_of_a_dead_worker_hides_behind_another_parent(
    fleet: Fleet, odd: Callable[..., None]
) -> None:
    mark = os.getpid()

    def left() -> list[int]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if f"1000.{mark}" in " ".join(process.cmdline()):
                    found.append(process.pid)
        return found

    odd(FORKS % {"mark": mark})
    fleet.start()
    eventually(lambda: len(left()) > 10, 30)
    (fleet.config / "balancers/odd.yaml").unlink()
    eventually(lambda: not left(), 20)
    assert fleet.daemon is not None
    children = psutil.Process(fleet.daemon.pid).children()
    assert {child.pid for child in children} == {w["pid"] for w in fleet.status()["workers"]}


def test_what_the_supervisor_inherits_is_reaped(fleet: Fleet) -> None:
    count = fleet.root / "count"
    command = ["sh", "-c", f"setsid sleep 0.01 & echo x >> {count}"]
    checks = {"exec": {"command": command, "interval": "100ms"}}
    fleet.write("services/web.yaml", {"port": 80, "discovery": "files", "checks": checks})
    fleet.start()
    eventually(lambda: len(count.read_text()) > 20, 30)
    assert fleet.daemon is not None
    supervisor = psutil.Process(fleet.daemon.pid)

    def zombies() -> list[psutil.Process]:
        return [c for c in supervisor.children() if c.status() == psutil.STATUS_ZOMBIE]

    eventually(lambda: not zombies(), 5)


@pytest.mark.parametrize("whole", [False, True], ids=["supervisor", "tree"])
def test_time_in_which_the_supervisor_did_not_run_kills_no_worker(
    fleet: Fleet, whole: bool
) -> None:
    prepare(
        fleet, "    import lighthouse.supervisor.pool.worker as worker; worker.SILENCE = 4.0\n"
    )
    fleet.start()
    eventually(lambda: fleet.status()["healthy"], 30)
    assert fleet.daemon is not None
    before = {w["name"]: w["pid"] for w in fleet.status()["workers"]}
    stopped = [fleet.daemon.pid, *(before.values() if whole else ())]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + 6
    eventually(lambda: time.monotonic() > until)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: "no worker counts as late" in fleet.log.read_text(), 5)
    fleet.node("web", "one", 80)
    eventually(lambda: "one:80" in nodes(fleet.record, "web"))
    until = time.monotonic() + 1
    eventually(lambda: time.monotonic() > until)
    assert {w["name"]: w["pid"] for w in fleet.status()["workers"]} == before
