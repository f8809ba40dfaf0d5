"""``lighthouse new-plugin``: what it makes installs, passes its suite, and is clean."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lighthouse.commands import main
from lighthouse.commands.authors.scaffold.package import LICENSES
from tests.conformance.environment import Environment

ROOT = Path(__file__).parents[2]
KINDS = ("balancer", "discovery", "check")


def new_plugin(*words: str) -> Result:
    return CliRunner().invoke(main, ["new-plugin", *words])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_installs_and_passes_its_suite(kind: str, tmp_path: Path) -> None:
    package = tmp_path / "package"
    made = new_plugin("own-thing", "--kind", kind, "--dir", str(package))
    assert made.exit_code == 0, made.output
    environment = Environment(tmp_path / "environment")
    environment.install(package, "--editable")
    said = environment.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", cwd=package)
    assert " passed" in said
    assert "failed" not in said
    for line in said.splitlines():
        assert not line.startswith("SKIPPED") or "strace" in line or "not given" in line, said


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_clean_for_ruff(kind: str, tmp_path: Path) -> None:
    new_plugin("own-thing", "--kind", kind, "--dir", str(tmp_path))
    for words in (("check",), ("format", "--check")):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "."]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_new_plugins_are_clean_for_mypy(tmp_path: Path) -> None:
    for kind in KINDS:
        new_plugin(f"own-{kind}", "--kind", kind, "--dir", str(tmp_path / kind))
    paths = [str(tmp_path / kind / part) for kind in KINDS for part in ("src", "tests")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", *paths],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT), "MYPY_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("license_name", LICENSES)
def test_its_licence_is_the_one_that_was_chosen(license_name: str, tmp_path: Path) -> None:
    words = ("own", "--kind", "check", "--author", "Ann Other", "--license", license_name)
    new_plugin(*words, "--dir", str(tmp_path))
    about = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert about["license"] == license_name
    assert about["authors"] == [{"name": "Ann Other"}]
    text = (tmp_path / "LICENSE").read_text()
    assert "Ann Other" in text or license_name == "Apache-2.0"
    assert "$" not in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Own", "--kind", "check"), "'Own' does not do as a name"),
        (("1own", "--kind", "check"), "'1own' does not do as a name"),
        (("own--thing", "--kind", "check"), "lower-case letters, digits and single dashes"),
        (("../own", "--kind", "check"), "does not do as a name"),
        (("a" * 41, "--kind", "check"), "at most 40"),
        (("class", "--kind", "check"), "'class' means something else already"),
        (("worker", "--kind", "balancer"), "'worker' means something else already"),
        (("haproxy", "--kind", "balancer"), "comes with Lighthouse, and its name is reserved"),
        (("own", "--kind", "check", "--author", 'a"b'), "--author: expected printable text"),
        (("own", "--kind", "balance"), "'balance' is not one of"),
    ],
)
def test_a_name_that_does_not_do_is_refused_with_the_reason(
    words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    where = tmp_path / "package"
    refused = new_plugin(*words, "--dir", str(where))
    assert refused.exit_code != 0
    assert told in refused.output
    assert not where.exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    refused = new_plugin("own", "--kind", "check", "--dir", str(tmp_path))
    assert refused.exit_code == 1
    assert "exists and is not empty: nothing is overwritten" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"
