"""Nothing that happens at one place ends or blinds the daemon."""

import os
import resource
import select
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import psutil
import pytest

from lighthouse.ipc.channel import Channel
from lighthouse.ipc.control import GetStatus
from tests.backends import Backend
from tests.fleet import Fleet
from tests.injection import SystemCalls, open_descriptors, raise_once
from tests.recorder import nodes
from tests.waiting import eventually

CALLBACKS = (
    "a new client",
    "a client's question",
    "a signal",
    "a change of the config tree",
    "its plan",
    "the start of workers",
    "what is due of clusters",
    "a look at its discoveries",
    "timer config",
    "timer save",
    "timer figures",
    "timer title",
    "timer tidy",
    "timer SIGHUP",
    "timer worker",
    "the next step of balancer recorder",
    "what balancer recorder said",
    "what balancer recorder printed",
    "what balancer recorder is sent",
    "what discovery files said",
    "what check tcp said",
    "a look at check tcp",
)

AT_THE_END = ("timer SIGTERM", "the end of balancer recorder", "the last save")

CALLS = [
    ("accept", "EMFILE"),
    ("accept", "ENFILE"),
    ("accept", "ENOMEM"),
    ("memfd_create", "EMFILE"),
    ("memfd_create", "ENOMEM"),
    ("writev", "ENOSPC"),
    ("sendmsg", "ENOMEM"),
    ("send", "ENOMEM"),
    ("recvmsg", "ENOMEM"),
    ("open", "EMFILE"),
    ("open", "EIO"),
    ("scandir", "ENFILE"),
    ("stat", "EIO"),
    ("listdir", "ENOMEM"),
    ("mkdir", "ENOSPC"),
    ("replace", "ENOSPC"),
    ("read", "EIO"),
    ("write", "ENOSPC"),
    ("epoll_select", "ENOMEM"),
    ("epoll_register", "ENOSPC"),
    ("getsockopt", "ENOMEM"),
]

STARTS = [
    ("pidfd_open", "EMFILE"),
    ("pipe2", "ENFILE"),
    ("socketpair", "EMFILE"),
    ("fork", "ENOMEM"),
    ("epoll_register", "ENOMEM"),
]


@pytest.fixture
def served(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with a service that is checked and registered."""
    backend = Backend("web")
    fleet.write(
        "services/web.yaml",
        {"port": backend.port, "discovery": "files", "checks": {"tcp": {"interval": "200ms"}}},
    )
    try:
        yield fleet
    finally:
        backend.close()


def seen(fleet: Fleet) -> list[str]:
    return nodes(fleet.record, "web")


def workers(fleet: Fleet) -> dict[str, Any]:
    return {worker["name"]: worker for worker in fleet.status()["workers"]}


def well(fleet: Fleet) -> bool:
    return all(worker["healthy"] for worker in fleet.status()["workers"])


def children(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children()}


def ask(fleet: Fleet) -> bool:
    """Ask for the status, and give the daemon half a second; return True if it said something."""
    with suppress(OSError), closing(Channel.connect(fleet.run_dir / "control.sock")) as client:
        client.send(GetStatus())
        return bool(select.select([client], [], [], 0.5)[0])
    return False


def arrives(fleet: Fleet, port: int, within: float = 20.0) -> None:
    """A change of the world reaches the balancer: a node of that port."""
    fleet.node("web", f"node{port}", port)
    eventually(lambda: any(name.endswith(f":{port}") for name in seen(fleet)), within, str(port))


def test_every_callback_of_the_loop_may_raise(served: Fleet) -> None:
    fleet = served
    raised = raise_once(fleet)
    fleet.start()
    eventually(lambda: set(workers(fleet)) == {"recorder", "files", "tcp"}, 30)
    arrives(fleet, 1, 30)
    fleet.write("clusters/api.yaml", {"discovery": "files", "recorder": {}})
    assert fleet.daemon is not None
    fleet.daemon.send_signal(signal.SIGHUP)
    eventually(lambda: "reading the configuration again" in fleet.log.read_text())
    eventually(lambda: fleet.status()["services"][0]["registered"], 30)
    arrives(fleet, 2, 30)
    eventually(lambda: not set(CALLBACKS) - set(raised.read_text().splitlines()), 30)
    status = fleet.status()
    assert status["supervisor"]["pid"] == fleet.daemon.pid
    assert status["supervisor"]["internal_errors"] >= len(CALLBACKS)
    assert not status["healthy"]
    assert any("the daemon failed" in problem for problem in status["problems"])
    assert "RuntimeError: injected; going on" in fleet.log.read_text()
    assert "Traceback" in fleet.log.read_text()
    assert fleet.kill(signal.SIGTERM) == 0
    assert set(AT_THE_END) - set(raised.read_text().splitlines()) == set()


def test_every_system_call_of_the_loop_may_fail(served: Fleet) -> None:
    fleet = served
    calls = SystemCalls(fleet)
    fleet.start()
    eventually(lambda: well(fleet), 30)
    assert fleet.daemon is not None
    pid = fleet.daemon.pid
    for port, (call, error) in enumerate(CALLS, 1):
        calls.fail(call, error)
        fleet.write("clusters/api.yaml", {"discovery": "files", "recorder": {"n": port}})
        fleet.node("web", f"node{port}", port)
        ask(fleet)
        calls.mend()
        arrives(fleet, port, 30)
        assert fleet.status()["supervisor"]["pid"] == pid, (call, error)
    eventually(lambda: not fleet.status()["supervisor"]["config_errors"], 40)
    arrives(fleet, 9999)
    assert fleet.kill(signal.SIGTERM) == 0


@pytest.mark.parametrize(("call", "error"), STARTS)
def test_a_worker_that_cannot_be_started_leaves_nothing_and_is_started_later(
    fleet: Fleet, call: str, error: str
) -> None:
    calls = SystemCalls(fleet)
    fleet.start()
    eventually(lambda: well(fleet), 30)
    assert fleet.daemon is not None
    pid, before = fleet.daemon.pid, open_descriptors(fleet.daemon.pid)
    worker = workers(fleet)["recorder"]
    calls.fail(call, error)
    os.kill(worker["pid"], signal.SIGKILL)
    eventually(lambda: "cannot be" in fleet.log.read_text(), 20)
    arrived = fleet.node("web", "node1", 1)
    assert arrived.exists()
    calls.mend()
    eventually(lambda: workers(fleet)["recorder"]["state"] == "running", 30)
    arrives(fleet, 2)
    eventually(lambda: children(pid) == {w["pid"] for w in fleet.status()["workers"]}, 20)
    # One more is the base of what the new worker was sent.
    eventually(lambda: open_descriptors(pid) <= before + 1)


def test_a_daemon_without_descriptors_answers_says_so_and_serves_on(fleet: Fleet) -> None:
    fleet.start()
    arrives(fleet, 1, 30)
    eventually(lambda: well(fleet))
    assert fleet.daemon is not None
    pid = fleet.daemon.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (12, before[1]))
    for _ in range(3):
        status = fleet.status()
        assert any(
            "file descriptors are in use: raise LimitNOFILE" in p for p in status["problems"]
        )
    arrives(fleet, 2)
    fleet.lighthouse("status")
    os.kill(workers(fleet)["recorder"]["pid"], signal.SIGKILL)
    eventually(lambda: workers(fleet)["recorder"]["pid"] is None, 10)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    arrives(fleet, 3, 30)
    assert not any("descriptors" in problem for problem in fleet.status()["problems"])


def test_a_log_that_nobody_reads_holds_no_one(fleet: Fleet) -> None:
    fleet.plugin("odd", "raise ValueError('x' * 1000)\n", "balancer")
    for number in range(8):
        fleet.write(f"balancers/odd{number}.yaml", {"plugin": "odd"})
    fleet.log = fleet.root / "fifo"
    os.mkfifo(fleet.log)
    held = os.open(fleet.log, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            try:
                os.write(held, b"x" * 4096)
            except BlockingIOError:
                break
        fleet.start()
        arrives(fleet, 1, 30)
        eventually(lambda: any("does not take it" in p for p in fleet.status()["problems"]), 20)
        arrives(fleet, 2)
        assert fleet.kill(signal.SIGTERM) == 0
    finally:
        os.close(held)
        fleet.log = fleet.root / "no.log"
