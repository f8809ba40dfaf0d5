"""Exit codes and words of commands where something is in their way; never a traceback."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Fleet
from tests.waiting import eventually

INIT = Path(__file__).parents[2] / "etc/init.d/lighthouse"


@pytest.fixture
def started(fleet: Fleet) -> Iterator[Fleet]:
    """A fleet whose daemon is healthy, in the background."""
    assert fleet.lighthouse("start").returncode == 0
    eventually(lambda: fleet.status()["healthy"])
    yield fleet
    fleet.lighthouse("stop")


def _init(fleet: Fleet, name: str) -> subprocess.CompletedProcess[str]:
    program = fleet.root / "lighthouse"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m lighthouse.commands "$@"\n')
    program.chmod(0o755)
    env = {**fleet.env, "DEFAULTS": "/none", "DAEMON": str(program), "CONFIG": str(fleet.config)}
    return subprocess.run(
        ["sh", str(INIT), name], capture_output=True, text=True, timeout=60, env=env, check=False
    )


def _shell(fleet: Fleet, line: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell in which ``lighthouse`` is the command and ``$C`` the configuration."""
    begin = f'lighthouse() {{ {sys.executable} -P -m lighthouse.commands "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", f"{begin} C={fleet.config}; {line}"],
        capture_output=True,
        text=True,
        timeout=60,
        env=fleet.env,
        check=False,
    )


def test_what_nobody_reads_changes_no_exit_code(started: Fleet) -> None:
    for command in ("status", "status --json", "plugins", "check", "status --watch"):
        line = f"lighthouse {command} -c $C | true; exit ${{PIPESTATUS[0]}}"
        result = _shell(started, line)
        assert (result.returncode, result.stderr) == (0, ""), command


def test_what_cannot_be_printed_is_said(started: Fleet) -> None:
    for command in ("status", "status --json", "plugins", "check", "explain web"):
        result = _shell(started, f"lighthouse {command} -c $C > /dev/full")
        assert result.returncode == 1, command
        assert result.stderr == "lighthouse: No space left on device\n", command


def test_the_configuration_may_be_named_before_the_command(started: Fleet) -> None:
    assert _shell(started, "lighthouse -c $C status").returncode == 0
    assert _shell(started, "lighthouse -c /none status -c $C").returncode == 0
    assert _shell(started, "LIGHTHOUSE_CONFIG=/none lighthouse -c $C status").returncode == 0
    assert _shell(started, "LIGHTHOUSE_CONFIG=/none lighthouse status").returncode == 3


def test_a_directory_that_is_none_is_named(fleet: Fleet) -> None:
    shutil.rmtree(fleet.config)
    for command, code in (("status", 3), ("stop", 0), ("reload", 7), ("wait web", 3)):
        result = fleet.lighthouse(*command.split())
        assert result.returncode == code
        said = f"lighthouse: not running, and {fleet.config} is no directory; -c names another"
        assert said in result.stdout + result.stderr


def test_a_file_in_place_of_the_run_directory(started: Fleet) -> None:
    pid = started.status()["supervisor"]["pid"]
    shutil.rmtree(started.run_dir)
    started.run_dir.write_text("")
    assert _init(started, "status").returncode == 0
    stopped = started.lighthouse("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"lighthouse: stopped (pid {pid})\n")
    for command, code in (("status", 3), ("stop", 0), ("reload", 7), ("start", 1)):
        result = started.lighthouse(command)
        assert result.returncode == code, result.stderr
        assert "Traceback" not in result.stderr
    assert _init(started, "status").returncode == 3
    assert _init(started, "start").returncode == 1
    started.run_dir.unlink()
