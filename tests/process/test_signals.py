"""Signals to the daemon at good and at bad moments."""

import os
import signal
import time

from tests.fleet import Fleet
from tests.recorder import nodes, recorded
from tests.waiting import eventually

HANG = """
import time
from lighthouse import hookimpl
from lighthouse.balancer import Balancer

class Hang(Balancer):
    def sync_file(self, clusters):
        print("hangs")
        time.sleep(1e9)

@hookimpl
def lighthouse_balancer():
    return Hang
"""


def pids(fleet: Fleet) -> dict[tuple[str, str], int | None]:
    return {(w["kind"], w["name"]): w["pid"] for w in fleet.status()["workers"]}


def test_a_storm_of_sighups_touches_nothing_that_did_not_change(fleet: Fleet) -> None:
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    before, record = pids(fleet), fleet.record.stat().st_mtime_ns
    for _ in range(100):
        os.kill(fleet.daemon.pid, signal.SIGHUP)
    fleet.node("web", "b", 2)
    eventually(lambda: nodes(fleet.record, "web") == ["a:1", "b:2"])
    assert pids(fleet) == before
    assert fleet.record.stat().st_mtime_ns > record
    assert fleet.worker("recorder")["restarts"] == 0


def test_what_means_nothing_ends_nothing(fleet: Fleet) -> None:
    """A plugin may send them to its parent, by mistake or not."""
    fleet.start()
    eventually(lambda: recorded(fleet.record), 20)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPROF, signal.SIGIO):
        os.kill(fleet.daemon.pid, number)
        told = f"{number.name} means nothing to the daemon"
        eventually(lambda told=told: told in fleet.log.read_text())
    fleet.node("web", "a", 1)
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"])


def test_sighup_reads_the_configuration_again(fleet: Fleet) -> None:
    fleet.start()
    eventually(lambda: recorded(fleet.record), 20)
    fleet.write("clusters/other.yaml", {"discovery": "files"})
    os.kill(fleet.daemon.pid, signal.SIGHUP)
    eventually(lambda: "other" in recorded(fleet.record)["clusters"])


def test_sigterm_at_any_moment_of_the_start_ends_it_cleanly(fleet: Fleet) -> None:
    for moment in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6):
        fleet.start()
        begun = time.monotonic()
        eventually(lambda b=begun, m=moment: time.monotonic() >= b + m)
        status = fleet.kill(signal.SIGTERM)
        assert status in (0, -signal.SIGTERM), "only before it runs may the signal end it"
        assert time.monotonic() - begun < 10
        assert fleet.leftovers() == []


def test_sigterm_during_a_hung_sync_is_bounded(fleet: Fleet) -> None:
    fleet.plugin("hang", HANG)
    fleet.write("balancers/hang.yaml", {"worker": {"stop_timeout": 1}})
    fleet.start()
    eventually(lambda: "balancer hang: hangs" in fleet.log.read_text(), 20)
    begun = time.monotonic()
    assert fleet.kill(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 8
    late = (
        "WARNING balancer hang: did not stop within 1 s: killed; it hung in sync_file (hang 1.0, "
    )
    (told,) = [line for line in fleet.log.read_text().splitlines() if late in line]
    assert "; have that call return sooner, or raise `stop_timeout` under `worker:` in its" in told


def test_the_daemons_own_stop_timeout_bounds_every_worker(fleet: Fleet) -> None:
    fleet.plugin("hang", HANG)
    fleet.write("balancers/hang.yaml", {"worker": {"stop_timeout": 60, "sync_timeout": 60}})
    places = {"run_dir": str(fleet.run_dir), "state_dir": str(fleet.root / "state")}
    fleet.write("lighthouse.yaml", {**places, "stop_timeout": 2})
    fleet.start()
    eventually(lambda: fleet.worker("hang")["snapshot"]["sent"], 20)
    begun = time.monotonic()
    assert fleet.kill(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 10


def test_a_second_daemon_for_the_same_tree_is_refused(fleet: Fleet) -> None:
    fleet.start()
    eventually(fleet.status, 20)
    first = fleet.daemon
    fleet.start()
    assert fleet.daemon.wait(20) == 1
    fleet.daemon = first
    assert f"already running (pid {first.pid})" in fleet.log.read_text()
    assert fleet.status()["supervisor"]["pid"] == first.pid


def test_a_killed_daemon_leaves_no_worker_and_the_next_one_continues(fleet: Fleet) -> None:
    fleet.node("web", "a", 1)
    fleet.start()
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"], 20)
    workers = [w["pid"] for w in fleet.status()["workers"]]
    fleet.kill()
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), 5)
    fleet.start()
    eventually(lambda: recorded(fleet.record).get("pid") not in (None, *workers), 20)
    eventually(lambda: nodes(fleet.record, "web") == ["a:1"])
