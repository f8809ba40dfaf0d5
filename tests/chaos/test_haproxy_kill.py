"""kill -9 of the plugin's worker at any system call of a sync, then again: the same end.

``LIGHTHOUSE_KILLS=300`` kills at so many places per binary, ``-s`` shows what was found.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.process.ending.orphans import end_session
from tests.backends import Backends
from tests.ports import free_ports
from tests.software.haproxy_traffic import filed_servers, running_servers
from tests.software.haproxy_world import EACH_BINARY, Load, World, get, new_world, served
from tests.waiting import eventually

KILLS = int(os.environ.get("LIGHTHOUSE_KILLS", "6"))

SCAN = ("read", "lseek", "newfstatat", "openat", "close", "ioctl")

pytestmark = [
    pytest.mark.needs("strace"),
    pytest.mark.timeout(1800),
    pytest.mark.slow,
]


@pytest.fixture(params=EACH_BINARY)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with new_world(request.param) as found:
        found.extra = {"reload_interval": 0.1, "reloads_per_hour": 10000}
        yield found


@pytest.fixture
def http() -> Iterator[Backends]:
    servers = Backends(3)
    yield servers
    servers.close()


class Driver:
    """The process of ``haproxy_driver``, and what happens to its children."""

    def __init__(self, world: World) -> None:
        command = [sys.executable, "-m", "tests.chaos.haproxy_driver", str(world.directory)]
        self._process = subprocess.Popen(
            [*command, world.binary],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._directory = world.directory

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and what its killed children left, as the supervisor does with a worker's."""
        assert self._process.stdin
        assert self._process.stdout
        end_session(self._process.pid)
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def run(self, *strace: str) -> tuple[int, str]:
        """Let a child run under strace: how it ended, and what strace said."""
        pid = self._tell(b"n")
        if not strace:
            return self._tell(b"g"), ""
        log = self._directory / "strace"
        with subprocess.Popen(
            ["strace", "-qq", "-o", str(log), *strace, "-p", str(pid)],
            stderr=subprocess.PIPE,
            text=True,
        ) as tracer:
            assert tracer.stderr
            eventually(lambda: is_traced(pid) or tracer.poll() is not None)
            if tracer.poll() is not None:
                said = tracer.stderr.read()
                self._tell(b"g")
                pytest.skip(f"strace cannot attach: {said}")
            status = self._tell(b"g")
        return status, log.read_text()

    def _tell(self, byte: bytes) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(byte)
        return int(self._process.stdout.readline())


def is_traced(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    return False


def places_in(trace: str) -> list[str]:
    """Where to kill: each call, but few of those by which all processes are looked through."""
    counts = Counter({"read": 1})  # in which it waits for its start
    found = []
    scanning = 0
    for row in trace.splitlines()[1:]:
        name = row.split("(")[0]
        if not name.isidentifier():
            continue
        counts[name] += 1
        scanning = scanning + 1 if name in SCAN else 0
        if scanning < 20 or scanning % 200 == 0:
            found.append(f"{name}:signal=KILL:when={counts[name]}")
    return found


class Story:
    """Two wanted states in turn: members, and a cluster that needs a reload."""

    def __init__(self, world: World, http: Backends) -> None:
        self._world = world
        self.one, self.two = free_ports(2)
        a, b, c = (n.port for n in http.nodes)
        self._states = (
            {"web": (self.one, [a, b])},
            {"web": (self.one, [b, c]), "x": (self.two, [c])},
        )
        self.number = 0
        self.files: dict[int, bytes] = {}

    def turn(self) -> None:
        """The other state is wanted from now on."""
        self.number = 1 - self.number
        self.want()

    def want(self) -> None:
        content = {"extra": self._world.extra, "clusters": self._states[self.number]}
        (self._world.directory / "wanted.json").write_text(json.dumps(content))

    def check(self, reloads: int) -> None:
        """All is as wanted, by one reload since there were so many."""
        world = self._world
        wanted = {
            name: {f"127.0.0.1:{n}" for n in nodes}
            for name, (_, nodes) in self._states[self.number].items()
        }
        assert running_servers(world) == wanted
        assert filed_servers(world.text) == wanted
        content = Path(world.config["config_file"]).read_bytes()
        assert content == self.files.setdefault(self.number, content), "the same bytes"
        found = process.processes(parse_settings(world.config).master)
        assert (found.reloads, found.failed) == (reloads + 1, 0)
        states = Path(f"{world.config['pid_file']}.state")
        assert states.read_text() == "1\n", "states are for one reload only"
        assert not list(world.directory.glob(".*.new"))
        members = {str(n) for n in self._states[self.number]["web"][1]}
        eventually(lambda: served(self.one, 6) == members)
        if "x" in wanted:
            assert get(self.two)[0] == 200


def test_killed_at_any_system_call_of_a_sync(world: World, http: Backends) -> None:
    story = Story(world, http)
    master_socket = parse_settings(world.config).master
    chance = random.Random(9)
    story.want()
    with Driver(world) as driver:
        assert driver.run()[0] == 0
        master, load = world.master, Load(story.one, 2)

        def reloads() -> int:
            return process.processes(master_socket).reloads

        try:
            calls, writes, places = 0, 0, list[str]()
            for _ in range(2):
                story.turn()
                before = reloads()
                assert driver.run()[0] == 0
                story.check(before)
            for _ in range(2):
                story.turn()
                before = reloads()
                status, trace = driver.run("-e", "trace=all")
                assert status == 0
                calls = len(trace.splitlines())
                places = places_in(trace)
                story.check(before)
            killed = 0
            for number in range(KILLS):
                story.turn()
                before = reloads()
                spread = (number * len(places) + chance.randrange(len(places))) // KILLS
                for place in (places[spread], chance.choice(places)):
                    status, _ = driver.run("-e", f"inject={place}")
                    assert status in (0, signal.SIGKILL)
                    killed += status == signal.SIGKILL
                assert driver.run()[0] == 0, f"after a kill at {places[spread]}"
                story.check(before)
            # the thread that writes the file
            for when in (1, 2, 3):
                story.turn()
                before = reloads()
                status, _ = driver.run("-f", "-e", f"inject=fsync:signal=KILL:when={when}")
                writes += status == signal.SIGKILL
                assert driver.run()[0] == 0
                story.check(before)
        finally:
            load.close()
        print(
            f"\n{world.binary}: {calls} calls in a sync, {killed} kills in {KILLS} syncs and"
            f" {writes} in the thread that writes, {load.done} requests, failures"
            f" {load.failures}"
        )
    assert load.failures == []
    assert load.done > 100
    assert killed >= KILLS // 2
    assert writes
    assert world.master == master
