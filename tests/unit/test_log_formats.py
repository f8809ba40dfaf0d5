"""Lines of the log for people, programs and the journal."""

import json
import logging
import os
import sys
from datetime import datetime
from pathlib import Path

import pytest

from lighthouse.supervisor.logs.formats import formatter, is_journal
from lighthouse.supervisor.logs.logs import Logs
from tests.unit.test_logs import loggers

__all__ = ["loggers"]


def record(level: int, text: str, error: bool = False) -> logging.LogRecord:
    try:
        if error:
            raise ValueError("odd")
        info = None
    except ValueError:
        info = sys.exc_info()
    return logging.LogRecord("lighthouse.x", level, "file", 1, text, ("it",), info)


def test_json_is_one_object_a_line_whatever_is_said() -> None:
    line = formatter("json", False).format(record(logging.ERROR, 'a "%s"\n\udcff', True))
    assert "\n" not in line
    said = json.loads(line)
    assert datetime.fromisoformat(said.pop("time")).tzinfo is not None
    assert said.pop("traceback").endswith("ValueError: odd")
    assert said == {"level": "error", "logger": "lighthouse.x", "message": 'a "it"\n\\udcff'}


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, 7),
        (logging.INFO, 6),
        (logging.WARNING, 4),
        (logging.ERROR, 3),
        (logging.CRITICAL, 2),
    ],
)
def test_the_journal_is_told_the_priority_of_every_line(level: int, priority: int) -> None:
    name = logging.getLevelName(level)
    text = formatter("text", True).format(record(level, "%s\nand more"))
    assert text == f"<{priority}>{name:7} it\n<{priority}>and more"
    line = formatter("json", True).format(record(level, "%s"))
    assert line.startswith(f"<{priority}>{{")
    assert json.loads(line[3:])["message"] == "it"


def test_the_journal_is_known_by_the_stream_that_it_names() -> None:
    reading, writing = os.pipe()
    try:
        status = os.fstat(writing)
        named = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(writing, named)
        assert not is_journal(writing, {})
        assert not is_journal(writing, {"JOURNAL_STREAM": f"{status.st_dev}:1"})
    finally:
        os.close(reading)
        os.close(writing)
    assert not is_journal(writing, named)


def test_another_format_counts_at_once(tmp_path: Path) -> None:
    logs, path = Logs(None), tmp_path / "log"
    for form, text in (("json", "one"), ("text", "two")):
        logs.configure(None, path, "info", form)
        logging.getLogger("lighthouse.x").info(text)
    logs.close()
    first, second = path.read_text().splitlines()
    assert json.loads(first)["message"] == "one"
    assert second.endswith("INFO    two")
