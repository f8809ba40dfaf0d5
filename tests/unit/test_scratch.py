"""Scratch directories are gone, also those of a process that was killed."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lighthouse.software.scratch import scratch

_KILLED = """
import os, signal
from lighthouse.software.scratch import scratch
with scratch() as place:
    (place / "x").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "lighthouse-other").mkdir()
    subprocess.run([sys.executable, "-c", _KILLED], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    with scratch() as one, scratch() as other:
        assert {path.name for path in tmp_path.iterdir()} == {
            "lighthouse-other",
            one.name,
            other.name,
        }
    assert [path.name for path in tmp_path.iterdir()] == ["lighthouse-other"]
