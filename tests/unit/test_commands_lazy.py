"""What a command imports, and that each explains itself."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lighthouse import __version__
from lighthouse.commands import MODULES, main


@pytest.mark.parametrize("name", MODULES)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage: main " + name in result.output


def test_help_lists_every_command() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert all(f"\n  {name} " in output for name in MODULES)


def test_the_version_is_told() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["explode"]).exit_code == click.UsageError.exit_code


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("run", ("rich", "daemon", "lighthouse.haproxy", "lighthouse.file", "lighthouse.http")),
        ("stop", ("rich", "daemon", "lighthouse.supervisor.supervisor")),
    ],
)
def test_a_command_loads_only_what_it_needs(name: str, absent: tuple[str, ...]) -> None:
    code = (
        "import sys; from lighthouse.commands import main; main.get_command(None, sys.argv[1]);"
        "print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, name], check=True, capture_output=True, text=True
    )
    assert not set(absent) & set(run.stdout.split())


@pytest.mark.parametrize("kind", ["balancer", "discovery", "check"])
def test_a_worker_imports_nothing_that_only_some_plugins_need(kind: str) -> None:
    """What it imports is paid for with every start of every worker."""
    absent = {"packaging", "yaml", "rich", "click", "psutil", "subprocess"}
    source = f"import sys, lighthouse.workers.{kind}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", source], capture_output=True, text=True, check=True
    )
    assert not absent & set(done.stdout.split())
