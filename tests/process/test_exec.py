"""``lighthouse exec`` with a real daemon: what is registered when, and what ends how."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lighthouse.net.connections import connections
from tests.fleet import Fleet, get
from tests.ports import free_port
from tests.waiting import eventually

PROGRAM = Path(__file__).parents[1] / "program.py"


class Started:
    """A ``lighthouse exec`` of a command."""

    def __init__(self, fleet: Fleet, command: list[str], options: list[str], inside: str) -> None:
        line = [*shlex.split(inside), sys.executable, "-P", "-m", "lighthouse.commands", "exec"]
        line += ["-c", str(fleet.config), "--service", "solo", "--quiet", "0.2", *options, "--"]
        self._log = fleet.root / "exec.log"
        self._log.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen([*line, *command], env=fleet.env, stderr=log)

    def said(self, words: str, within: float = 20.0) -> None:
        eventually(lambda: words in self._log.read_text(), within, words)

    def ends(self, number: int = 0) -> int:
        if number:
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def port(fleet: Fleet) -> int:
    """That of a service ``solo``; its failure is seen only after a minute."""
    port = free_port()
    check = {"interval": 0.3, "tcp": {"fall": 200}}
    content = {"name": "solo", "port": port, "discovery": "files", "checks": check}
    fleet.write("services/solo.yaml", content)
    return port


@pytest.fixture
def start(fleet: Fleet, port: int) -> Iterator[Callable[..., Started]]:
    begun: list[Started] = []

    def start(command: Any = None, *options: str, inside: str = "") -> Started:
        command = command or [sys.executable, str(PROGRAM), str(port)]
        begun.append(Started(fleet, command, list(options), inside))
        return begun[-1]

    yield start
    for one in begun:
        if one.process.poll() is None:
            for program in children(one.process.pid):  # each leads a group of its own
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(program, signal.SIGKILL)
            one.process.kill()
        one.process.wait()


def registered(fleet: Fleet) -> bool:
    return any((fleet.nodes / "solo").glob("*.json"))


def shown(fleet: Fleet) -> dict[str, Any]:
    (service,) = fleet.status()["services"]
    found: dict[str, Any] = service
    return found


def test_it_is_registered_while_it_serves_and_stopped_when_no_request_is_in_flight(
    fleet: Fleet, port: int, start: Callable[..., Started]
) -> None:
    """A daemon that is away keeps it from nothing."""
    one = start()
    eventually(lambda: get(port)[0] == 200, 20, "it serves without a daemon")
    one.said("not registered by this command: the daemon is away")
    fleet.start()
    eventually(lambda: registered(fleet), 20)
    one.said("the daemon knows of it")
    eventually(lambda: shown(fleet)["maintenance"] is None and registered(fleet))
    with ThreadPoolExecutor(1) as beside, socket.create_connection(("127.0.0.1", port)):
        slow = beside.submit(get, port, "/slow")
        eventually(lambda: any(each.bytes for each in connections([port])))
        assert one.ends(signal.SIGTERM) == 7
        assert slow.result()[0] == 200
    assert not registered(fleet)
    one.said("SIGTERM: deregistering before the program is stopped")


@pytest.mark.slow
def test_the_next_one_is_not_registered_by_what_was_found_out_of_the_last(
    fleet: Fleet, port: int, start: Callable[..., Started]
) -> None:
    fleet.start()
    first = start()
    eventually(lambda: registered(fleet), 20)
    assert first.ends(signal.SIGTERM) == 7
    last = start(["sleep", "60"])
    eventually(lambda: "starts" in (shown(fleet)["maintenance"] or {}).get("reason", ""), 20)
    eventually(lambda: "refused" in shown(fleet)["checks"][0]["reason"], 20)
    assert shown(fleet)["checks"][0]["passing"] is None
    assert "its program starts" in fleet.lighthouse("status").stdout
    assert not registered(fleet)
    assert last.ends(signal.SIGTERM) == 128 + signal.SIGTERM


@pytest.mark.slow
@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_one_that_ends_by_itself_is_deregistered_at_once(
    fleet: Fleet, port: int, start: Callable[..., Started], script: str, code: int
) -> None:
    go = fleet.root / "go"
    server = shlex.join([sys.executable, str(PROGRAM), str(port)])
    wait = f"{server} & while ! test -e {go}; do sleep 0.05; done; kill $!; {script}"
    fleet.start()
    one = start(["sh", "-c", wait])
    eventually(lambda: registered(fleet), 20)
    go.touch()
    assert one.ends() == code
    eventually(lambda: not registered(fleet), 5, "long before its check has failed for good")
    eventually(lambda: "is gone" in shown(fleet)["maintenance"]["reason"])


def test_one_that_is_killed_leaves_nothing_behind(
    fleet: Fleet, port: int, start: Callable[..., Started]
) -> None:
    """Its program is ended with it, its service out, and registered again if it is well."""
    check = {"interval": 0.2, "tcp": {"fall": 2}}
    fleet.write(
        "services/solo.yaml",
        {"name": "solo", "port": port, "discovery": "files", "checks": check},
    )
    fleet.start()
    one = start()
    eventually(lambda: registered(fleet), 20)
    pid = int(get(port)[1])
    assert one.ends(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not registered(fleet), 5)
    eventually(lambda: not Path(f"/proc/{pid}").exists(), 5, "its program ends with it")
    eventually(lambda: shown(fleet)["up"] is False and shown(fleet)["maintenance"] is None, 20)
    again = start()
    eventually(lambda: registered(fleet), 20)
    assert again.ends(signal.SIGINT) == 7


@pytest.mark.slow
def test_a_program_that_does_not_stop_is_killed_and_a_second_signal_does_not_wait(
    fleet: Fleet, port: int, start: Callable[..., Started]
) -> None:
    fleet.start()
    stubborn = f"import signal; signal.signal(15, lambda *_: print(end='')); import runpy, sys; \
sys.argv = ['', '{port}']; signal.signal = lambda *_: None; \
runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    one = start([sys.executable, "-c", stubborn], "--stop-timeout", "0.3", "--quiet", "60")
    eventually(lambda: registered(fleet), 20)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.send(b"GET /")
        one.process.send_signal(signal.SIGTERM)
        eventually(lambda: not registered(fleet), 20)
        assert one.process.poll() is None, "a request is in flight"
        assert one.ends(signal.SIGTERM) == 128 + signal.SIGKILL
    one.said("SIGTERM again: not waiting any longer")
    one.said("has not ended within 0.3 s: killed")


def test_what_is_in_the_way_is_told(
    fleet: Fleet, port: int, start: Callable[..., Started]
) -> None:
    assert start(["/nowhere/at-all"]).ends() == 127
    assert start(["/etc/passwd"]).ends() == 126
    fleet.write("services/solo.yaml", {"name": "solo", "port": port, "discovery": "files"})
    fleet.start()
    eventually(fleet.status, 20)
    one = start(["sleep", "60"])
    one.said("services/solo.yaml has no checks: nothing tells when the program is healthy")
    assert one.ends(signal.SIGTERM) == 128 + signal.SIGTERM


@pytest.mark.needs("root")
def test_as_process_1_it_hands_signals_on_reaps_and_passes_the_environment(
    fleet: Fleet, port: int, start: Callable[..., Started]
) -> None:
    out = fleet.root / "out"
    script = (
        f"trap 'echo usr2 >> {out}' USR2; trap 'echo usr1 >> {out}; exit 5' USR1;"
        f'echo "$NOTIFY_SOCKET $WATCHDOG_PID" > {out};'
        f"(sleep 0.01 & ); (sh -c 'sleep 0.01' & ); sleep 0.3;"
        f" ps -o stat= -A | grep -c Z >> {out}; while :; do sleep 0.05; done"
    )
    fleet.env |= {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_PID": "1"}
    inside = "unshare --pid --fork --mount-proc --kill-child"
    one = start(["sh", "-c", script], inside=inside)
    eventually(lambda: out.read_text().splitlines() == ["/run/n ", "0"], 20)
    (first,) = children(one.process.pid)
    assert Path(f"/proc/{first}/status").read_text().count(f"NSpid:\t{first}\t1\n") == 1
    os.kill(first, signal.SIGUSR2)
    eventually(lambda: "usr2" in out.read_text())
    os.kill(first, signal.SIGUSR1)
    assert one.ends() == 5
    assert out.read_text().splitlines()[2:] == ["usr2", "usr1"]


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
