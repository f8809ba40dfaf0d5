"""What the distribution is called: nobody is sent to another project's."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lighthouse import DISTRIBUTION, __version__

ROOT = Path(__file__).parents[2]

WRONG = re.compile(r"lighthouse\[[a-z]|pip install(?: -\S+)* ['\"]?lighthouse(?![\w./-])")
"""An extra of ``lighthouse``, or ``lighthouse`` by that name as what is to be installed."""

ANOTHER = "`pip install lighthouse` is another"
"""Where it is said so."""


def _texts() -> Iterator[Path]:
    for name in ("README.md", "Makefile", "setup.py", "pyproject.toml"):
        yield ROOT / name
    for folder in ("docs", "etc", "lighthouse", "workers"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                yield path


def test_nobody_is_sent_to_the_index_for_another_project() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in _texts()
        for line in path.read_text(encoding="utf-8").splitlines()
        if WRONG.search(line) and ANOTHER not in line
    ]
    assert found == []
    for line in (
        "pip install 'lighthouse[x]'",
        "pip install lighthouse",
        "pip install -U lighthouse",
    ):
        assert WRONG.search(line)
    assert not WRONG.search(f"pip install '{DISTRIBUTION}[x]'; lighthouse check")


def test_what_is_built_has_that_name_and_asks_for_no_other(tmp_path: Path) -> None:
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = tmp_path.glob("*.egg-info")
    about = (made / "PKG-INFO").read_text().splitlines()
    assert f"Name: {DISTRIBUTION}" in about
    assert f"Version: {__version__}" in about
    wheel = f"{DISTRIBUTION.replace('-', '_')}-{__version__}-py3-none-any.whl"
    assert wheel in (ROOT / "README.md").read_text()
    required = (made / "requires.txt").read_text()
    assert f"{DISTRIBUTION}[" in required
    assert not re.search(r"^lighthouse\b(?!-)", required, re.MULTILINE)
    assert "lighthouse = lighthouse.commands:main" in (made / "entry_points.txt").read_text()
