"""`make docs`: the pages and man pages are built, and a warning is an error."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.needs("sphinx"), pytest.mark.timeout(300)]


def build(source: Path, to: Path, builder: str) -> subprocess.CompletedProcess[str]:
    words = ["-q", "-W", "--keep-going", "-d", str(to / "doctrees"), "-b", builder]
    line = [sys.executable, "-m", "sphinx", *words, str(source), str(to / builder)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_pages_and_the_man_pages(tmp_path: Path) -> None:
    for builder in ("html", "man"):
        built = build(ROOT / "docs", tmp_path, builder)
        assert (built.returncode, built.stderr) == (0, ""), built.stderr
    assert "why is a node missing" in (tmp_path / "html/getting-started.html").read_text().lower()
    keys = (tmp_path / "html/keys.html").read_text()
    for words in (
        "on_source_loss.drain.after",
        "files[].path",
        "session_timeout",
        "max_old_workers",
    ):
        assert words in keys, words
    commands = (tmp_path / "man/lighthouse.8").read_text()
    for words in (r"lighthouse down [OPTIONS] SERVICE[:PORT]", r"\-\-reason TEXT", "SIGHUP"):
        assert words in commands, words
    assert "on_source_loss" in (tmp_path / "man/lighthouse.yaml.5").read_text()


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    (pages / "static").mkdir(parents=True)
    for name in ("conf.py", "command_list.py", "key_tables.py"):
        (pages / name).write_text((ROOT / "docs" / name).read_text())
    (pages / "index.md").write_text("# A\n[b](gone.md) [c](#gone)\n")
    built = build(pages, tmp_path, "html")
    assert built.returncode != 0
    assert "gone.md" in built.stderr
    assert "#gone" in built.stderr or "'gone'" in built.stderr
