"""The log of a daemon: rotated, on a full disk, not to be had; the daemon goes on."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import Fleet
from tests.waiting import eventually

_TOLD = "the log cannot be written: "


@pytest.fixture
def log(fleet: Fleet) -> Path:
    """Where the daemon logs."""
    path = fleet.root / "lighthouse.log"
    settings: dict[str, Any] = {
        "run_dir": str(fleet.run_dir),
        "state_dir": str(fleet.root / "state"),
        "advertise": "127.0.0.1",
        "log_file": str(path),
    }
    fleet.write("lighthouse.yaml", settings)
    return path


def _started(fleet: Fleet) -> int:
    result = fleet.lighthouse("start")
    assert result.returncode == 0, result.stdout + result.stderr
    pid: int = fleet.status()["supervisor"]["pid"]
    return pid


def _problems(fleet: Fleet) -> list[str]:
    return [text for text in fleet.status()["problems"] if "log" in text]


def test_a_full_log_disk_and_sighup_end_nothing(fleet: Fleet, log: Path) -> None:
    log.symlink_to("/dev/full")
    pid = _started(fleet)
    try:
        for _ in range(3):
            os.kill(pid, signal.SIGHUP)
            fleet.write("clusters/web.yaml", {"discovery": "files", "recorder": {}})
            eventually(lambda: any(_TOLD in text for text in _problems(fleet)))
        assert fleet.lighthouse("status").returncode == 1
        log.unlink()
        os.kill(pid, signal.SIGHUP)
        eventually(lambda: "lines before this one are lost: No space left" in log.read_text())
        eventually(lambda: _problems(fleet) == [])
        assert fleet.status()["supervisor"]["pid"] == pid
    finally:
        assert fleet.lighthouse("stop").returncode == 0


def test_a_log_that_cannot_be_had_keeps_no_daemon_from_starting(fleet: Fleet, log: Path) -> None:
    log.mkdir()
    result = fleet.lighthouse("start")
    try:
        assert result.returncode == 0
        assert f"the log cannot be written: {log}: Is a directory" in result.stderr
        assert _problems(fleet) == [f"the log cannot be written: {log}: Is a directory"]
    finally:
        assert fleet.lighthouse("stop").returncode == 0


def test_nothing_holds_a_log_that_was_rotated(fleet: Fleet, log: Path) -> None:
    pid = _started(fleet)
    try:
        assert log.stat().st_mode & 0o777 == 0o640
        log.rename(log.with_suffix(".1"))
        os.kill(pid, signal.SIGHUP)

        def held() -> set[str]:
            links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
            return {path for path in links if path.startswith(str(log.with_suffix("")))}

        eventually(lambda: held() == {str(log)})
        assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (1, 2)} == {str(log)}
        log.unlink()  # and what is removed is not held either, without any signal
        eventually(lambda: held() == {str(log)})
    finally:
        assert fleet.lighthouse("stop").returncode == 0


def test_lines_for_the_journal_and_for_programs(fleet: Fleet) -> None:
    """Standard error is what ``JOURNAL_STREAM`` names, as systemd has it."""
    fleet.log.touch()
    status = fleet.log.stat()
    fleet.env["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    fleet.start()
    eventually(lambda: "<6>INFO    balancer recorder: runs" in fleet.log.read_text(), 20)
    settings = (fleet.config / "lighthouse.yaml").read_text()
    fleet.write("lighthouse.yaml", settings + "log_format: json\n")
    fleet.reload()
    eventually(lambda: "<6>INFO    SIGHUP: reading" in fleet.log.read_text(), 20)
    fleet.kill(signal.SIGTERM)
    last = fleet.log.read_text().splitlines()[-1]
    assert json.loads(last.removeprefix("<6>"))["message"] == "stopped"
