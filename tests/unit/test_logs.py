"""The supervisor's log: what cannot be written is lost and said, and ends nothing."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.supervisor.logs import log_queue
from lighthouse.supervisor.logs.log_file import LogFile
from lighthouse.supervisor.logs.logs import Logs
from tests.waiting import eventually

_log = logging.getLogger("lighthouse.test_logs")


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """The handlers of this process as they were, whatever a test does to them."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("name", logging.INFO, "file", 1, text, None, None)


def test_a_file_that_was_moved_is_left_for_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = LogFile(path)
    file.emit(_record("one"))
    path.rename(tmp_path / "log.1")
    file.emit(_record("two"))
    path.unlink()
    file.emit(_record("three"))
    file.close()
    assert (tmp_path / "log.1").read_text() == "one\n"
    assert path.read_text() == "three\n"


def test_a_new_log_is_nothing_for_everybody_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.touch()
    old.chmod(0o600)
    for path, mode in ((tmp_path / "new", 0o640), (old, 0o600)):
        file = LogFile(path)
        file.emit(_record("one"))
        file.close()
        assert path.stat().st_mode & 0o777 == mode


def test_lost_lines_are_counted_once_it_works_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    file = LogFile(path)
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            file.emit(_record("lost"))
    path.unlink()
    file.emit(_record("kept"))
    file.close()
    lines = path.read_text().splitlines()
    assert lines == ["3 lines before this one are lost: No space left on device", "kept"]


def test_while_there_can_be_no_new_file_the_old_one_is_used(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = LogFile(path)
    file.emit(_record("one"))
    path.rename(tmp_path / "log.1")
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        file.emit(_record("two"))
    file.close()
    assert (tmp_path / "log.1").read_text() == "one\ntwo\n"


def test_descriptors_follow_the_file(tmp_path: Path) -> None:
    path, other = tmp_path / "log", os.open(os.devnull, os.O_WRONLY)
    file = LogFile(path, (other,))
    file.follow()
    path.rename(tmp_path / "log.1")
    file.follow()
    os.write(other, b"printed\n")
    file.close()
    os.close(other)
    assert path.read_text() == "printed\n"


@pytest.mark.parametrize("place", ["/dev/full", "a directory", "below a file"])
def test_a_log_that_cannot_be_written_is_said_and_nothing_raises(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    places = {"a directory": tmp_path, "below a file": tmp_path / "file/log"}
    custom = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "/dev/full"}},
        "root": {"handlers": ["file"]},
    }
    logs = Logs(None)
    path = places.get(place, Path(place))
    for config in (None, custom, None):
        logs.configure(config, path, "info")
        _log.warning("told")
        eventually(lambda: any("the log cannot be written: " in p for p in logs.problems()), 5)
    logs.configure(None, tmp_path / "good", "info")
    _log.warning("told")
    assert logs.problems() == []
    assert "told" in (tmp_path / "good").read_text()


def test_a_handler_that_raises_anything_ends_nothing() -> None:
    custom = {
        "version": 1,
        "handlers": {"own": {"()": f"{__name__}.Raising"}},
        "root": {"handlers": ["own"], "level": "INFO"},
    }
    logs = Logs(None)
    logs.configure(custom, None, "info")
    _log.error("told")
    said = ["the log cannot be written: what it likes"]
    eventually(lambda: logs.problems() == said, 5)
    logs.configure(custom, None, "info")


def test_what_cannot_be_applied_leaves_the_last_one_in_force(tmp_path: Path) -> None:
    good = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": f"{tmp_path}/own"}},
        "root": {"handlers": ["file"], "level": "INFO"},
    }
    bad = {**good, "handlers": {"file": {"class": "logging.FileHandler", "filename": "/no/dir"}}}
    logs = Logs(None)
    logs.configure(good, tmp_path / "default", "info")
    logs.configure(bad, tmp_path / "default", "info")
    _log.error("told")
    assert "told" in (tmp_path / "own").read_text()
    [problem] = logs.problems()
    assert problem.startswith("logging.yaml cannot be applied, the one before is in force: ")
    assert problem.endswith("/no/dir: No such file or directory")
    fresh = Logs(None)
    fresh.configure(bad, tmp_path / "default", "info")
    assert "the default is in force" in fresh.problems()[0]


class Raising(logging.Handler):
    """Raises outside of what the logging module catches, and when it is closed."""

    def handle(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("what it likes")

    def close(self) -> None:
        super().close()
        raise OSError("No space left on device")


class _Stuck(logging.Handler):
    """Takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.taken: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.free.wait()
        self.taken.append(record.getMessage())


_made: list[_Stuck] = []


def the_stuck_one() -> logging.Handler:
    """The handler of the test, for a configuration to name."""
    return _made.pop()


def test_a_handler_that_is_stuck_holds_nobody_and_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_queue, "PATIENCE", 0.05)
    stuck = _Stuck()
    logs = Logs(None)
    _made.append(stuck)
    logs.configure(
        {
            "version": 1,
            "handlers": {"stuck": {"()": "tests.unit.test_logs.the_stuck_one"}},
            "root": {"handlers": ["stuck"], "level": "INFO"},
        },
        None,
        "info",
    )
    began = time.monotonic()
    for number in range(log_queue.ROOM + 100):
        _log.info("%d", number)
    assert time.monotonic() - began < 2
    (problem,) = eventually(logs.problems, 5)
    assert "stuck does not take it; 99 lines are lost" in problem
    stuck.free.set()
    eventually(lambda: logs.problems() == [], 5)
    _log.info("last")
    logs.close()
    assert stuck.taken[0] == "0"
    assert any("99 lines before this one are lost" in line for line in stuck.taken)
    assert stuck.taken[-1] == "last"


def test_a_handler_that_stays_stuck_does_not_keep_the_process_from_ending() -> None:
    reading, writing = os.pipe()
    code = (
        "import logging, sys\n"
        "from lighthouse.supervisor.logs.logs import Logs\n"
        "logs = Logs(None)\n"
        "for _ in range(300): logging.getLogger('x').info('x' * 1000)\n"
        "logs.close()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=writing)
    os.close(writing)
    try:
        assert process.wait(20) == 0
    finally:
        process.kill()
        os.close(reading)
