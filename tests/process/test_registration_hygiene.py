"""What this host has registered, through maintenance, flaps, stops, kills and changed trees."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from inotify_simple import INotify, flags

from lighthouse.daemon.pidfile import Pidfile
from tests.fleet import Fleet
from tests.waiting import eventually


def registered(fleet: Fleet, cluster: str = "solo") -> dict[str, Any]:
    """The nodes that stand in the source, by file name."""
    directory = fleet.nodes / cluster
    return {path.name: json.loads(path.read_text()) for path in directory.glob("*.json")}


def ports(fleet: Fleet, cluster: str = "solo") -> list[int]:
    names = [name.removesuffix(".json") for name in registered(fleet, cluster)]
    return sorted(int(name.rpartition("_")[2]) for name in names)


def has(fleet: Fleet, *wanted: Any, cluster: str = "solo", within: float = 20) -> None:
    eventually(lambda: ports(fleet, cluster) == sorted(wanted), within, f"{wanted} in {cluster}")


def service(fleet: Fleet, port: int = 9, **changes: Any) -> None:
    fleet.write("services/solo.yaml", {"port": port, "discovery": "files", **changes})


def shown(fleet: Fleet, port: int = 9) -> Any:
    """A service's part of the status, as soon as the daemon answers."""
    services = eventually(lambda: fleet.status()["services"], 20)
    return next(one for one in services if one["port"] == port)


def logged(fleet: Fleet, text: str) -> int:
    return fleet.log.read_text().count(text)


def settings(fleet: Fleet, **changes: Any) -> None:
    """Change the daemon's own file."""
    path = fleet.config / "lighthouse.yaml"
    fleet.write("lighthouse.yaml", {**yaml.safe_load(path.read_text()), **changes})


@contextmanager
def removals(directory: Path) -> Iterator[Callable[[], list[str]]]:
    """The names of the files that were removed since the last call."""
    with INotify() as inotify:
        inotify.add_watch(directory, flags.DELETE | flags.MOVED_FROM)
        yield lambda: [
            event.name for event in inotify.read(timeout=0) if not event.name.startswith(".")
        ]


@pytest.fixture
def flag(fleet: Fleet, tmp_path: Path) -> Path:
    """A service ``solo`` that is well while the file is there."""
    flag = tmp_path / "flag"
    flag.touch()
    fleet.checks = {"interval": 0.1, "exec": {"command": ["test", "-e", str(flag)]}}
    return flag


def test_maintenance_takes_a_service_out_and_outlives_the_daemon(fleet: Fleet) -> None:
    service(fleet, port=9)
    fleet.write("services/more.yaml", {"name": "more", "ports": [10, 11], "discovery": "files"})
    fleet.start()
    has(fleet, 9)
    has(fleet, 10, 11, cluster="more")
    told = fleet.lighthouse("down", "solo", "--reason", "new disk", "--for", "2h")
    assert (told.returncode, told.stderr) == (0, "")
    assert ports(fleet) == []  # confirmed, not only asked for
    assert fleet.lighthouse("down", "more:11").returncode == 0
    assert ports(fleet, "more") == [10]
    fleet.kill()
    fleet.start()
    has(fleet, 10, cluster="more")
    maintenance = shown(fleet)["maintenance"]
    assert maintenance["reason"] == "new disk"
    assert f"uid {os.geteuid()}" in maintenance["by"]
    assert 7000 < maintenance["until"] - time.time() <= 7200
    assert "maintenance: new disk" in fleet.lighthouse("status").stdout
    eventually(lambda: fleet.status()["healthy"], 20, "a maintenance is no fault")
    assert ports(fleet) == []
    assert fleet.lighthouse("up", "solo").returncode == 0
    assert fleet.lighthouse("up", "more").returncode == 0
    has(fleet, 9)
    has(fleet, 10, 11, cluster="more")
    again = fleet.lighthouse("up", "solo")
    assert (again.returncode, again.stdout) == (0, "lighthouse: solo: was not in maintenance\n")


def test_mistakes_and_a_daemon_that_does_not_run(fleet: Fleet) -> None:
    service(fleet)
    for words in (("down", "solo"), ("up", "solo"), ("wait", "web")):
        stopped = fleet.lighthouse(*words)
        assert (stopped.returncode, stopped.stderr) == (3, "lighthouse: not running\n")
    fleet.start()
    has(fleet, 9)
    for command in ("down", "up"):
        unknown = fleet.lighthouse(command, "sole")
        assert unknown.returncode == 1
        assert "no service sole; there are: solo" in unknown.stderr
    assert "it has: 9" in fleet.lighthouse("down", "solo:10").stderr
    assert fleet.lighthouse("down", "solo", "--for", "soon").returncode == 2
    worker = fleet.worker("files", "discovery")["pid"]
    os.kill(worker, signal.SIGSTOP)
    try:
        late = fleet.lighthouse("down", "solo", "--timeout", "0.5")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert late.returncode == 1
    assert "discovery files: has not deregistered solo:9 yet" in late.stderr
    has(fleet)
    record = fleet.root / "state/maintenance"
    record.unlink()
    record.mkdir()
    unsaved = fleet.lighthouse("down", "solo", "--reason", "again")
    assert unsaved.returncode == 0
    assert "cannot be written" in unsaved.stderr
    assert "a restart forgets it" in unsaved.stderr
    assert any("cannot be written" in problem for problem in fleet.status()["problems"])
    record.rmdir()
    assert fleet.lighthouse("up", "solo").returncode == 0
    eventually(lambda: fleet.status()["problems"] == [])


def test_maintenance_ends_by_itself_and_survives_a_damaged_record(fleet: Fleet) -> None:
    service(fleet)
    fleet.start()
    has(fleet, 9)
    assert fleet.lighthouse("down", "solo", "--for", "1", "--no-wait").returncode == 0
    eventually(lambda: logged(fleet, "service solo: maintenance is over"), 20)
    has(fleet, 9)
    assert shown(fleet)["maintenance"] is None
    fleet.kill()
    (fleet.root / "state/maintenance").write_bytes(b"lighthouse 1\nrubbish")
    (fleet.root / "state/published").write_bytes(b"lighthouse 1\nrubbish")
    fleet.start()
    eventually(lambda: shown(fleet)["registered"], 20)
    assert logged(fleet, "is not used: it is damaged") == 2


def test_a_flapping_service_bothers_its_discovery_seldom(fleet: Fleet, flag: Path) -> None:
    service(fleet, checks=fleet.checks, flap_damping={"burst": 1, "every": "1h"})
    fleet.start()
    has(fleet, 9)
    for _ in range(3):
        flag.unlink()
        eventually(lambda: shown(fleet)["checks"][0]["passing"] is False, 20)
        assert shown(fleet)["up"] is False
        flag.touch()
        eventually(lambda: shown(fleet)["checks"][0]["passing"], 20)
    found = shown(fleet)
    assert (found["up"], found["damping"]["held"]) == (False, 2)
    assert "flaps" in found["damping"]["reason"]
    assert found["damping"]["since"] <= time.time() < found["damping"]["until"]
    assert "held down" in fleet.lighthouse("status").stdout
    has(fleet)
    service(fleet, checks=fleet.checks, flap_damping={"burst": 1, "every": 1})
    has(fleet, 9)  # when there is a token again
    assert logged(fleet, "flaps; it stays down") == 1


def test_workers_that_are_lost_or_replaced_cost_no_token_and_no_node(
    fleet: Fleet, flag: Path
) -> None:
    service(fleet, checks=fleet.checks, flap_damping={"burst": 1, "every": "1h"})
    fleet.start()
    has(fleet, 9)

    def renewed(kind: str, name: str, before: Any) -> bool:
        return eventually(lambda: fleet.worker(name, kind)["pid"] not in (before, None), 20)

    with removals(fleet.nodes / "solo") as removed:
        pid = fleet.worker("files", "discovery")["pid"]
        content = {"plugin": "file", "path": str(fleet.nodes), "worker": {"memory": "300M"}}
        fleet.write("discovery/files.yaml", content)
        renewed("discovery", "files", pid)
        for kind, name in (("discovery", "files"), ("check", "exec")):
            pid = fleet.worker(name, kind)["pid"]
            os.kill(pid, signal.SIGKILL)
            renewed(kind, name, pid)
        eventually(lambda: shown(fleet)["registered"], 20)
        assert removed() == []
        flag.unlink()
        has(fleet)
        assert removed() == ["127.0.0.1_9.json"]  # so it would have been seen
    flag.touch()
    has(fleet, 9)  # the first return of all


# A service's name, the files instead of its own afterwards, the node of it that stays.
CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "removed": ({}, None),
    "renamed": ({"other": {"port": 12}}, None),
    "reported": ({"reported": {"port": 21}}, "127.0.0.1_21.json"),
    "joined": ({"joined": {"port": 14, "name": "other"}}, None),
    "moved": ({"moved": {"port": 15, "advertise": "127.0.0.2"}}, "127.0.0.2_15.json"),
    "elsewhere": ({"elsewhere": {"port": 16, "discovery": "more"}}, None),
    "broken": ({"broken": "port: [unclosed"}, "127.0.0.1_17.json"),
    "same": ({"same": {"port": 18, "weight": 4}}, "127.0.0.1_18.json"),
}


def test_what_is_not_provided_any_more_is_swept(fleet: Fleet) -> None:
    fleet.write("discovery/more.yaml", {"plugin": "file", "path": str(fleet.root / "more")})
    for port, name in enumerate(CHANGES, 11):
        fleet.write(f"services/{name}.yaml", {"port": port, "discovery": "files"})
    (fleet.root / "more").mkdir()
    hand = fleet.node("removed", "127.0.0.1_77", 77)
    fleet.start()
    for port, name in enumerate(CHANGES, 11):
        eventually(lambda p=port, n=name: p in ports(fleet, n), 20)
    theirs = json.loads((fleet.nodes / "removed/127.0.0.1_11.json").read_text())
    other = fleet.nodes / "removed/127.0.0.1_78.json"
    other.write_text(json.dumps({**theirs, "owner": "elsewhere:0123456789ab", "port": 78}))
    before = hand.read_bytes(), other.read_bytes()
    fleet.kill()
    for name, (files, _) in CHANGES.items():
        (fleet.config / f"services/{name}.yaml").unlink()
        for stem, content in files.items():
            text = isinstance(content, str)
            full = content if text else {"discovery": "files", **content}
            fleet.write(f"services/{stem}.yaml", full)
    fleet.start()
    for name, (_, left) in CHANGES.items():
        wanted = {left} - {None} | ({hand.name, other.name} if name == "removed" else set())
        eventually(lambda n=name, w=wanted: registered(fleet, n).keys() == w, 20, f"{wanted}")
    moved = fleet.root / "more"
    eventually(lambda: [path.name for path in moved.glob("*/*.json")] == ["127.0.0.1_16.json"])
    assert (hand.read_bytes(), other.read_bytes()) == before
    assert registered(fleet, "other").keys() == {"127.0.0.1_12.json", "127.0.0.1_14.json"}
    record = fleet.root / "state/published"
    eventually(lambda: b"removed" not in record.read_bytes(), 20, "it is forgotten")


def test_a_node_stays_while_nobody_knows_how_its_service_is(fleet: Fleet, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    slow: dict[str, Any] = {
        "interval": 0.2,
        "timeout": 5,
        "exec": {"command": ["test", "-e", str(flag)]},
    }
    service(fleet, checks=slow)
    fleet.start()
    has(fleet, 9)
    fleet.kill()
    slow["exec"]["command"] = ["sh", "-c", f"until test -e {tmp_path}/go; do sleep 0.05; done"]
    service(fleet, checks=slow, advertise="127.0.0.2")
    fleet.start()
    eventually(lambda: fleet.worker("files", "discovery")["snapshot"]["outcome"] == "applied", 20)
    assert registered(fleet).keys() == {"127.0.0.1_9.json"}
    (tmp_path / "go").touch()
    eventually(lambda: registered(fleet).keys() == {"127.0.0.2_9.json"}, 20)


def test_a_stop_deregisters_at_once_and_drains(fleet: Fleet) -> None:
    settings(fleet, drain_delay="1h")
    service(fleet, drain_delay=0.7)
    fleet.start()
    has(fleet, 9)
    began = time.monotonic()
    assert fleet.kill(signal.SIGTERM) == 0
    assert time.monotonic() - began >= 0.7
    assert ports(fleet) == []


def test_a_second_signal_ends_the_drain(fleet: Fleet) -> None:
    settings(fleet, drain_delay="1h")
    service(fleet)
    fleet.start()
    has(fleet, 9)
    line = [sys.executable, "-P", "-m", "lighthouse.commands", "stop", "-c", str(fleet.config)]
    stop = subprocess.Popen(line, env=fleet.env, stdout=subprocess.PIPE)
    has(fleet)
    assert fleet.status()["supervisor"]["leaving"] is True
    assert (fleet.daemon.poll(), stop.poll()) == (None, None)
    fleet.daemon.send_signal(signal.SIGTERM)
    assert fleet.daemon.wait(20) == 0
    assert stop.communicate(timeout=20)[0].startswith(b"lighthouse: stopped")


def test_a_restart_loses_no_registration(fleet: Fleet) -> None:
    service(fleet)
    settings(fleet, drain_delay="1h")
    assert fleet.lighthouse("start").returncode == 0
    try:
        has(fleet, 9)
        before = fleet.status()["supervisor"]["pid"]
        with removals(fleet.nodes / "solo") as removed:
            assert fleet.lighthouse("restart").returncode == 0
            eventually(lambda: shown(fleet)["registered"], 20)
            assert fleet.status()["supervisor"]["pid"] != before
            assert removed() == []
            assert fleet.lighthouse("down", "solo").returncode == 0
            assert removed() == ["127.0.0.1_9.json"]  # so it would have been seen
        assert fleet.lighthouse("stop").returncode == 0  # nothing is up: nothing to drain
    finally:
        daemon = Pidfile(fleet.run_dir / "lighthouse.pid").owner()
        if daemon is not None:
            os.kill(daemon, signal.SIGKILL)


def test_registrations_may_be_left_at_a_stop(fleet: Fleet) -> None:
    service(fleet)
    settings(fleet, deregister_on_stop=False)
    fleet.start()
    has(fleet, 9)
    assert fleet.kill(signal.SIGTERM) == 0
    assert ports(fleet) == [9]
