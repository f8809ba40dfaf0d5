"""Exit codes and words of commands where something is in their way; never a traceback."""

import importlib
import os
import pwd
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.commands import main
from lighthouse.daemon.locate import find
from tests.fleet import Fleet
from tests.waiting import eventually

INIT = Path(__file__).parents[2] / "etc/init.d/lighthouse"
NOBODY = pwd.getpwnam("nobody")


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


def _as_nobody(fleet: Fleet, *words: str) -> tuple[int, str]:
    """Exit code and output of a command that someone without any right calls.

    In a fork: this interpreter may lie where others cannot start it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)
        code = 99
        try:
            for name in ("start", "stop", "reload", "status", "wait"):
                importlib.import_module(f"lighthouse.commands.{name}")
            find(fleet.config).pid()  # has loaded all that it takes
            os.setgroups([])
            os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
            os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)
            main([*words, "-c", str(fleet.config)])
        except SystemExit as end:
            code = int(end.code or 0)
        except Exception:  # noqa: BLE001  the child ends here: the test shows what it was
            os.write(1, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


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


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a daemon of root and someone else")
def test_who_has_no_right_is_told_so_at_once(started: Fleet) -> None:
    for place in (started.root, *started.root.parents):
        if place.stat().st_uid == 0 and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o055)
    for words in (("status",), ("wait", "web"), ("stop",), ("reload",)):
        code, said = _as_nobody(started, *words)
        assert code == 4, said
        assert "not allowed" in said
    started.lighthouse("stop")
    code, said = _as_nobody(started, "start")
    assert code == 4, said
    assert "Traceback" not in said
