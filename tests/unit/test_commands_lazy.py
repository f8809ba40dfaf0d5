"""What a command imports, and that each explains itself."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lighthouse import __version__
from lighthouse.commands import ABOUT, MODULES, main


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


def test_the_help_says_of_each_command_what_that_says_of_itself() -> None:
    found = {name: main.get_command(click.Context(main), name) for name in MODULES}
    said = {name: each.get_short_help_str(200) for name, each in found.items() if each is not None}
    assert said == ABOUT


HEAVY = {"email", "zipfile", "psutil", "asyncio", "ssl", "multiprocessing", "pytest", "http"}
"""Modules that take long to import, and that nothing needs which runs all the time."""

READS = {"importlib.metadata", "pkg_resources"}
"""Modules that read what is installed: the supervisor's, and those of commands for authors."""

PLUGINS = {f"lighthouse.{name}" for name in ("haproxy", "file", "http", "etcd", "zookeeper")}


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("run", {"rich", "daemon", "lighthouse.workers", *PLUGINS, *HEAVY} - {"email", "zipfile"}),
        ("stop", {"rich", "daemon", "lighthouse.supervisor.supervisor", *READS, *HEAVY}),
        ("status", {"daemon", "lighthouse.supervisor", "lighthouse.workers", *READS, *HEAVY}),
        ("--help", {"yaml", "rich", "lighthouse.daemon", "lighthouse.supervisor", *READS, *HEAVY}),
    ],
)
def test_a_command_loads_only_what_it_needs(name: str, absent: set[str]) -> None:
    code = """
import sys
from lighthouse.commands import main
if sys.argv[1] == "--help":
    main([sys.argv[1]], standalone_mode=False)
else:
    main.get_command(None, sys.argv[1])
print(*sys.modules)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, name], check=True, capture_output=True, text=True
    )
    assert not absent & set(run.stdout.split())


@pytest.mark.parametrize(
    ("kind", "module"),
    [("balancer", "template"), ("balancer", "haproxy"), ("discovery", "file"), ("check", "tcp")],
)
def test_a_worker_imports_nothing_that_only_some_plugins_need(kind: str, module: str) -> None:
    """What it imports is paid for with every start of every worker."""
    absent = {"packaging", "yaml", "rich", "click", "subprocess", *READS, *HEAVY}
    source = f"import lighthouse.workers.{kind}; print(*sys.modules)"
    loads = f"""
from lighthouse.distribution.origin import PluginOrigin
from lighthouse.workers.loading.kind import KINDS
from lighthouse.workers.loading.plugin import load
kind = next(kind for kind in KINDS if kind.name == {kind!r})
load(kind, {module!r}, PluginOrigin("it", "1", "lighthouse.{module}.{kind}"))
assert not {READS!r} & {{*sys.modules}}
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import sys\n" + source + loads],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not absent & set(done.stdout.split())
