"""The demonstration as a user starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.waiting import eventually


def demo(directory: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "lighthouse.commands", "demo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(directory)},
        start_new_session=True,
    )


def left(directory: Path) -> list[str]:
    """Processes that have to do with the directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = " ".join(process.info["cmdline"] or ())
        path = (process.info["environ"] or {}).get("TMPDIR", "")
        if str(directory) in words or path == str(directory):
            found.append(words)
    return found


def stage(output: str) -> str:
    """The temporary directory, as the demonstration names it."""
    found = re.search(r"configuration (/.+)/lighthouse$", output, re.MULTILINE)
    assert found is not None, output
    return found[1]


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("d")


@pytest.mark.timeout(180)
def test_the_demonstration_shows_what_it_promises(directory: Path) -> None:
    with demo(directory, "--for", "8") as process:
        output, _ = process.communicate(timeout=170)
    assert process.returncode == 0, output
    assert "FAILED" not in output
    for step in (
        "kill a service",
        "hangs",
        "kill -9 the HAProxy worker",
        "kill -9 the supervisor",
    ):
        assert step in output
    assert re.search(r"ok +HAProxy reloads +0", output)
    eventually(lambda: not left(directory))
    assert not Path(stage(output)).exists()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interruption_leaves_nothing_behind(directory: Path, number: signal.Signals) -> None:
    with demo(directory) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "stream of requests runs" in line:
                break
        else:
            pytest.fail("".join(lines))
        process.send_signal(number)
        began = time.monotonic()
        output = "".join(lines) + process.stdout.read()
        process.wait(60)
    assert process.returncode == 0, output
    assert time.monotonic() - began < 30
    eventually(lambda: not left(directory))
    assert not Path(stage(output)).exists()
