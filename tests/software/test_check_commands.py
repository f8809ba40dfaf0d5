"""What an exec check's command has started ends with whatever it was started for."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from lighthouse.ipc.snapshot import CheckSnapshot
from lighthouse.service import Probe
from tests.fleet import Fleet, running
from tests.rig import Rig
from tests.waiting import eventually

Deed = Callable[[Rig], object]


def command(pids: Path) -> list[str]:
    """A shell that waits for a child, which neither hears of the shell's end nor of SIGTERM."""
    script = "trap '' TERM; sleep 1000 & echo $! $$ > NEW; mv NEW FILE; wait; true"
    return ["sh", "-c", script.replace("NEW", f"{pids}.new").replace("FILE", str(pids))]


def probe(pids: Path, **changes: Any) -> Probe:
    timing: dict[str, Any] = {"interval": 0.1, "timeout": 60.0}
    return Probe("job", "127.0.0.1", 1, {"command": command(pids)}, **(timing | changes))


def started(pids: Path) -> list[psutil.Process]:
    numbers = eventually(lambda: pids.read_text().split())
    return [psutil.Process(int(number)) for number in numbers]


def ended(processes: list[psutil.Process]) -> bool:
    def is_over(process: psutil.Process) -> bool:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    return all(is_over(process) for process in processes)


DEEDS: dict[str, Deed] = {
    "the worker is stopped": lambda rig: rig.stop(),
    "the worker is killed": lambda rig: os.kill(rig.pid, signal.SIGKILL),
    "the worker is ended": lambda rig: os.kill(rig.pid, signal.SIGTERM),
    "the service is removed": lambda rig: rig.deliver(CheckSnapshot()),
    "the check is changed": lambda rig: rig.deliver(
        CheckSnapshot((Probe("job", "127.0.0.1", 1, {"command": ["true"]}),))
    ),
}


@pytest.mark.parametrize("case", DEEDS)
def test_a_command_and_its_children_end_when(tmp_path: Path, case: str) -> None:
    with Rig(tmp_path, "check", plugin="exec") as rig:
        rig.deliver(CheckSnapshot((probe(tmp_path / "pids"),)))
        processes = started(tmp_path / "pids")
        assert not ended(processes)
        DEEDS[case](rig)
        eventually(lambda: ended(processes), 10)


def test_a_check_that_is_changed_in_its_timing_only_ends_the_old_command(tmp_path: Path) -> None:
    with Rig(tmp_path, "check", plugin="exec") as rig:
        rig.deliver(CheckSnapshot((probe(tmp_path / "pids"),)))
        processes = started(tmp_path / "pids")
        (tmp_path / "pids").unlink()
        rig.deliver(CheckSnapshot((probe(tmp_path / "pids", timeout=50.0),)))
        eventually(lambda: ended(processes), 10)
        assert not ended(started(tmp_path / "pids"))


def test_a_guard_that_is_killed_is_replaced(tmp_path: Path) -> None:
    def guards(rig: Rig) -> list[psutil.Process]:
        living = [p for p in psutil.Process(rig.pid).children() if not ended([p])]
        return [p for p in living if "guard.py" in str(p.cmdline())]

    with Rig(tmp_path, "check", plugin="exec") as rig:
        quick = Probe("job", "127.0.0.1", 1, {"command": ["true"]}, interval=0.1)
        rig.deliver(CheckSnapshot((quick,)))
        (guard,) = eventually(lambda: guards(rig))
        guard.kill()
        eventually(lambda: [p for p in guards(rig) if p != guard])
        rig.verdicts(lambda v: v["job"].passing)
        rig.deliver(CheckSnapshot((probe(tmp_path / "pids"),)))
        processes = started(tmp_path / "pids")
        os.kill(rig.pid, signal.SIGKILL)
        eventually(lambda: ended(processes), 10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_and_its_children_end_with_the_daemon(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        checks = {"exec": {"command": command(tmp_path / "pids"), "timeout": 60}}
        fleet.write("services/job.yaml", {"port": 1, "discovery": "files", "checks": checks})
        fleet.start()
        processes = started(tmp_path / "pids")
        fleet.kill(number)
        eventually(lambda: ended(processes), 10)
        assert leftovers(fleet) == []


def leftovers(fleet: Fleet) -> list[str]:
    eventually(lambda: not fleet.leftovers())
    return fleet.leftovers()
