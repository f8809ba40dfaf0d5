"""What an earlier run left behind is ended, and nobody who only has its number."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lighthouse.process.ending.orphans import MARK
from lighthouse.supervisor.pool.sessions import Sessions
from tests.waiting import eventually

LEADER = """
import subprocess, sys
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
"""

Leave = Callable[[str], tuple[int, int]]


@pytest.fixture
def leave() -> Iterator[Leave]:
    """Leaves a process with this mark in a session whose leader has ended: both numbers."""
    left: list[int] = []

    def act(mark: str) -> tuple[int, int]:
        environment = {**os.environ, MARK: mark}
        with subprocess.Popen(
            [sys.executable, "-c", LEADER],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        ) as leader:
            assert leader.stdout
            left.append(int(leader.stdout.readline()))
        return leader.pid, left[-1]

    yield act
    for pid in left:
        if _lives(pid):
            os.kill(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_what_an_earlier_run_left_is_ended(tmp_path: Path, leave: Leave) -> None:
    leader, left = leave("one of ours")
    Sessions(tmp_path).began(leader, "one of ours")
    assert Sessions(tmp_path).clear() == 1
    eventually(lambda: not _lives(left))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("noted", ["one of ours", ""])
def test_a_stranger_who_has_the_number_of_one_is_left(
    tmp_path: Path, leave: Leave, noted: str
) -> None:
    """As a daemon is that has left its session's leader, the usual way to become one."""
    leader, stranger = leave("another's")
    Sessions(tmp_path).began(leader, noted)
    assert Sessions(tmp_path).clear() == 0
    assert _lives(stranger)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_note_does_not_stop_a_start(tmp_path: Path) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "x").touch()
    (tmp_path / ("9" * 30)).touch()
    (tmp_path / "13").write_bytes(b"\xff")
    assert Sessions(tmp_path).clear() == 0
