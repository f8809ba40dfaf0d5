"""What the daemon tells its service manager, and that nobody else of ours can speak to it."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fleet import Fleet
from tests.waiting import eventually

REPLIES = 10.0
"""Seconds that the daemon gets to tell something."""


class Manager:
    """A notify socket, and all that was told there so far, a dictionary for each datagram."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[dict[str, str]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)

    def listen(self) -> list[dict[str, str]]:
        try:
            while True:
                lines = self.socket.recv(65536).decode().split("\n")
                self.told.append(dict(line.split("=", 1) for line in lines))
        except BlockingIOError:
            return self.told

    def has(self, name: str, since: int = 0) -> bool:
        return any(name in one for one in self.listen()[since:])

    def status(self) -> str:
        return next((one["STATUS"] for one in reversed(self.listen()) if "STATUS" in one), "")


@pytest.fixture
def manager(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Manager]:
    """Told by the fleet's daemon, which it watches."""
    name = f"lighthouse-notify-{os.getpid()}"
    abstract = getattr(request, "param", "path") == "abstract"
    address = f"@{name}" if abstract else str(fleet.root / "notify")
    manager = Manager(address)
    fleet.env |= {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000"}
    yield manager
    fleet.close()
    manager.socket.close()


@pytest.mark.parametrize("manager", ["path", "abstract"], indirect=True)
def test_a_life_of_a_daemon_is_told(fleet: Fleet, manager: Manager) -> None:
    """Ready, with its status in words, through a reload to its end, and alive all the while."""
    fleet.start()
    eventually(lambda: manager.has("READY"), REPLIES)
    status = fleet.status()
    assert status["healthy"], "it was ready before its workers had answered"
    assert manager.status().startswith(f"{len(status['workers'])} workers, ")
    assert manager.status().endswith("; no worker and no file has a fault")
    eventually(lambda: sum("WATCHDOG" in one for one in manager.listen()) >= 3, REPLIES)

    for worker in fleet.status()["workers"]:
        variables = Path(f"/proc/{worker['pid']}/environ").read_bytes()
        assert manager.address.removeprefix("@").encode() not in variables
        assert b"WATCHDOG" not in variables

    seen = len(manager.listen())
    fleet.write("clusters/broken.yaml", "discovery: [")
    fleet.reload()
    eventually(lambda: manager.has("READY", seen), REPLIES)
    reloading = next(one for one in manager.told[seen:] if "RELOADING" in one)
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert "; clusters/broken.yaml:2:1: " in manager.status()

    seen = len(manager.listen())
    assert fleet.kill(signal.SIGTERM) == 0
    stopping = next(one for one in manager.listen()[seen:] if "STOPPING" in one)
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 10_000_000


def test_a_daemon_that_stands_still_is_not_alive(fleet: Fleet, manager: Manager) -> None:
    fleet.start()
    eventually(lambda: manager.has("WATCHDOG"), REPLIES)
    assert fleet.daemon is not None
    fleet.daemon.send_signal(signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, fleet.daemon.pid, os.WSTOPPED)
        seen = len(manager.listen())
        manager.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            manager.socket.recv(65536)
    finally:
        manager.socket.setblocking(False)
        fleet.daemon.send_signal(signal.SIGCONT)
    eventually(lambda: manager.has("WATCHDOG", seen), REPLIES)


def test_a_worker_that_cannot_answer_does_not_keep_it_from_being_ready(
    fleet: Fleet, manager: Manager
) -> None:
    fleet.plugin("bad", "raise RuntimeError('not today')")
    fleet.write("balancers/bad.yaml", {})
    fleet.start()
    eventually(lambda: manager.has("READY"), REPLIES)
    assert "not today" in manager.status()


def test_a_manager_that_is_gone_hinders_nothing(fleet: Fleet, manager: Manager) -> None:
    manager.socket.close()
    fleet.start()
    eventually(lambda: fleet.status()["supervisor"]["ready"])
    assert fleet.status()["healthy"]


def test_a_restart_leaves_the_start_to_the_manager(fleet: Fleet, manager: Manager) -> None:
    """Two would start it otherwise; what is registered stays registered."""
    fleet.write("services/app.yaml", {"port": 8080, "discovery": "files"})
    fleet.start()
    eventually(lambda: fleet.status()["services"][0]["registered"])
    registered = list((fleet.nodes / "app").iterdir())
    assert fleet.daemon is not None
    with start_again(fleet, fleet.daemon):
        result = fleet.lighthouse("restart")
    assert (result.returncode, result.stderr) == (0, ""), result
    pid = fleet.status()["supervisor"]["pid"]
    assert f"started by its service manager (pid {pid})" in result.stdout
    assert list((fleet.nodes / "app").iterdir()) == registered


@contextmanager
def start_again(fleet: Fleet, former: subprocess.Popen[bytes]) -> Iterator[None]:
    """Start the fleet's daemon anew as soon as the former one has ended."""

    def wait() -> None:
        former.wait(30)
        fleet.start()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()
