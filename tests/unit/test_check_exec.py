"""What an ``exec`` check's command finds in its environment."""

from pathlib import Path
from typing import Any

import pytest

from lighthouse.exec.check import ExecCheck


def _said(script: str, **config: Any) -> str:
    check = ExecCheck()
    settings = {"command": ["sh", "-c", script], **config}
    ExecCheck.validate_config(settings)
    check.apply_config(settings)
    return check.perform("127.0.0.1", 80, 10.0).reason


def test_the_environment_of_whoever_started_the_daemon_stays_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLERS_TOKEN", "secret")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("LC_TIME", "C")
    said = _said("echo ${CALLERS_TOKEN-none} ${LD_PRELOAD-none} $LC_TIME $LIGHTHOUSE_PORT")
    assert said == "exit status 0: none none C 80"


def test_what_is_asked_for_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("a file's content\n")
    monkeypatch.setenv("TOKEN", "given to the daemon")
    env = {"A": 1, "B": {"file": str(tmp_path / "secret")}, "C": {"env": "TOKEN"}}
    script = """echo $A, $B; [ "$B, $C" = "a file's content, given to the daemon" ]"""
    assert _said(script, env=env) == "exit status 0: 1, ***"


def test_a_secret_that_is_not_there_is_the_reason(tmp_path: Path) -> None:
    said = _said("true", env={"A": {"file": str(tmp_path / "none")}})
    assert said.startswith("cannot be run: ")
    assert "No such file" in said


def test_a_reference_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"env\.A"):
        ExecCheck.validate_config({"command": "true", "env": {"A": {"file": "relative"}}})
