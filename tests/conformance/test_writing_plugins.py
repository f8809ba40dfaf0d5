"""docs/writing-plugins: what its pages say is run, found in the source, or rendered from it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conformance.reference import render
from tests.rig import dist_info

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "writing-plugins"
BLOCK = re.compile(r"```(\w+)\n(?:# ([\w.]+)\n)?(.*?)```", re.DOTALL)


def page(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


class Afternoon:
    """The files of a page, each where a reader would have put it."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.blocks = BLOCK.findall(page(name))
        for _, file, text in self.blocks:
            if file:
                (directory / file).write_text(text, encoding="utf-8")

    def install(self, group: str, name: str, module: str) -> None:
        """As ``pip install`` would, with the entry point that the page says."""
        dist_info(self.directory, group, name, module)

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code and the output of ``python -m`` with these words."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(self.directory)},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def pytest(self, *words: str) -> tuple[int, str]:
        return self.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *words)


def test_the_tutorial(tmp_path: Path) -> None:
    reader = Afternoon(tmp_path, "tutorial.md")
    about = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    ((group, points),) = about["entry-points"].items()
    assert points == {"members": "lighthouse_members"}
    assert len((tmp_path / "lighthouse_members.py").read_text().splitlines()) < 40
    reader.install(group, "members", points["members"])
    code, said = reader.run("lighthouse.commands", "check-plugin", "members")
    assert (code, said.splitlines()[-1]) == (0, "it can be used"), said
    code, said = reader.pytest()
    assert code == 0, said
    words = ("run-plugin", "members", "--config", "members.yaml", "--nodes", "nodes.yaml")
    code, said = reader.run("lighthouse.commands", *words)
    assert "outcome: applied" in said
    assert "+web 10.0.0.1:80\n+web 10.0.0.2:80" in said
    assert "outcome: unchanged" in reader.run("lighthouse.commands", *words)[1]
    with_fixture = next(text for _, _, text in BLOCK.findall(page("testing.md")) if "tree" in text)
    (tmp_path / "test_daemon.py").write_text(with_fixture)
    code, said = reader.pytest("test_daemon.py")
    assert code == 0, said


POOL = """
from lighthouse.testing import BalancerConformance

class TestPool(BalancerConformance):
    plugin = "pool"

    def configs(self, directory):
        return [self.with_tool(directory, "true")]

    def bad_configs(self, directory):
        return {"check": {**self.with_tool(directory, "true"), "check": "true"}}

    def with_tool(self, directory, tool):
        return {"path": str(directory / "pool"), "check": [str(tool)], "reload": ["true"]}
"""


@pytest.mark.slow
def test_a_file_that_some_software_reads(tmp_path: Path) -> None:
    reader = Afternoon(tmp_path, "files.md")
    reader.install("lighthouse.balancers", "pool", "lighthouse_pool")
    (tmp_path / "test_pool.py").write_text(POOL)
    code, said = reader.pytest()
    assert code == 0, said


LEGACY = """
from lighthouse.testing import BalancerConformance

class TestLegacy(BalancerConformance):
    plugin = "legacy"

    def configs(self, directory):
        return [{"path": str(directory / "legacy")}]

    def bad_configs(self, directory):
        return {"path": {"path": 5}}
"""


@pytest.mark.slow
def test_a_plugin_of_2016(tmp_path: Path) -> None:
    reader = Afternoon(tmp_path, "porting.md")
    reader.install("lighthouse.balancers", "legacy", "lighthouse_legacy:Legacy")
    (tmp_path / "test_legacy.py").write_text(LEGACY)
    (tmp_path / "own.yaml").write_text("path: out\n")
    (tmp_path / "nodes.yaml").write_text("web: ['10.0.0.1:80']\n")
    words = ("run-plugin", "legacy", "--config", "own.yaml", "--nodes", "nodes.yaml")
    code, said = reader.run("lighthouse.commands", *words)
    assert (code, (tmp_path / "out").read_text()) == (0, "web 10.0.0.1:80\n"), said
    code, said = reader.pytest("-k", "ipv6 or config_a or no_space")
    assert code == 1
    assert "FAILED test_legacy.py::TestLegacy::test_no_space_leaves_what_served" in said
    assert "a full disk harmed legacy" in said
    assert "1 failed" in said


def test_the_values(tmp_path: Path) -> None:
    reader = Afternoon(tmp_path, "testing.md")
    code, said = reader.run("values")
    assert (code, said) == (0, ""), said


def test_the_reference_is_that_of_the_source() -> None:
    assert page("reference.md") == render(), (
        "docstrings have changed: python -m tests.conformance.reference "
        "> docs/writing-plugins/reference.md"
    )


def _sources() -> str:
    """All of the source, with texts that go on in the next line made one."""
    folders = (ROOT / "lighthouse", ROOT / "workers")
    texts = [path.read_text() for folder in folders for path in folder.rglob("*.py")]
    return re.sub(r'["\']\s*\n\s*f?["\']', "", "\n".join(texts))


def test_the_errors_are_those_of_the_source() -> None:
    source = _sources()
    rows = re.findall(r"^\| (`.*?) \| .* \| .* \|$", page("errors.md"), re.MULTILINE)
    assert len(rows) > 25
    missing = []
    for message in (text for row in rows for text in re.findall(r"`(.+?)`", row)):
        parts = [part for part in re.split(r"\.\.\.", message) if len(part.strip(" ':")) > 3]
        assert parts, message
        missing += [message for part in parts if part.strip() not in source]
    assert missing == []


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.name)
def test_no_link_leads_nowhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_every_page_is_found_from_the_first() -> None:
    first = page("README.md")
    assert [p.name for p in PAGES.glob("*.md") if f"]({p.name})" not in first] == ["README.md"]
