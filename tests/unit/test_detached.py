"""Software that outlives whoever starts it, and whose parent outlives it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from lighthouse.process.ending import known
from tests.waiting import eventually

STARTER = """
import sys
from lighthouse.process import detached
from lighthouse.process.ending import parenthood
parenthood.inherit_orphans()
detached.start(sys.argv[2:], sys.argv[1], {"PATH": "/usr/bin:/bin"}, 5)
"""

ENDS_WITH_ITS_PARENT = """
import ctypes, signal
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
signal.pause()
"""


def test_it_outlives_its_starter_though_it_ends_with_its_parent(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = [sys.executable, "-c", ENDS_WITH_ITS_PARENT, str(tmp_path)]
    subprocess.run([sys.executable, "-c", STARTER, str(pid_file), *command], check=True)
    number = eventually(lambda: int(pid_file.read_text()))
    try:
        eventually(lambda: known.words(number)[:1] == (sys.executable,))
        assert known.is_alive(number)
        assert os.getsid(number) != os.getsid(0)
        keeper = psutil.Process(number).parent()
        assert keeper is not None
        assert number in known.started_with(str(tmp_path))
    finally:
        known.end(number, signal.SIGKILL)
    eventually(lambda: not keeper.is_running())
    assert known.words(number) == ()


def test_it_is_started_though_its_number_cannot_be_noted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; signal.pause()", str(tmp_path)]
    missing = str(tmp_path / "none" / "pid")
    subprocess.run([sys.executable, "-c", STARTER, missing, *command], check=True)
    numbers = eventually(
        lambda: [n for n in known.started_with(str(tmp_path)) if known.words(n)[1] == "-c"]
    )
    for number in (*numbers, *known.started_with(str(tmp_path))):
        known.end(number, signal.SIGKILL)
