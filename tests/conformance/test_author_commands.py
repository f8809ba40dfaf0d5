"""``check-plugin`` and ``run-plugin``: what an author sees of a plugin before a daemon does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.balancer_plugins import RIGHT
from tests.conformance.check_plugins import RIGHT as RIGHT_CHECK
from tests.conformance.conftest import PluginSite


def lighthouse(*words: str, typed: str = "") -> tuple[int, str]:
    """The exit code of a command, and all that it printed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lighthouse.commands", *words],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def files(tmp_path: Path, site: PluginSite) -> list[str]:
    """The options that name a config and nodes, for the plugin ``own``."""
    site.add("balancer", "own", RIGHT)
    (tmp_path / "own.yaml").write_text(f"path: {tmp_path}/hosts\nworker: {{user: nobody}}\n")
    (tmp_path / "nodes.yaml").write_text(
        'web: {nodes: ["10.0.0.2:80", {ip: 10.0.0.1, port: 80}], config: {domain: x.test}}\n'
        "unknown: {known: false, config: {domain: y.test}}\n"
    )
    return ["--config", str(tmp_path / "own.yaml"), "--nodes", str(tmp_path / "nodes.yaml")]


def test_run_plugin_prints_what_it_did(files: list[str], tmp_path: Path) -> None:
    code, said = lighthouse("run-plugin", "own", *files)
    assert code == 0, said
    assert "own 1.0, entry point own = plugin_own" in said
    assert "outcome: applied\n" in said
    assert f"changed: {tmp_path}/hosts\n--- /dev/null\n+++ {tmp_path}/hosts\n" in said
    assert "+10.0.0.1 10.0.0.1.x.test\n+10.0.0.2 10.0.0.2.x.test\n" in said
    assert "ran: true " in said
    code, said = lighthouse("run-plugin", "own", *files)
    assert (code, "outcome: unchanged\nno file changed" in said) == (0, True), said
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text(nodes.read_text().replace("10.0.0.2:80", "10.0.0.3:80"))
    code, said = lighthouse("run-plugin", "own", *files)
    assert f"changed: {tmp_path}/hosts\n--- {tmp_path}/hosts\n+++ {tmp_path}/hosts\n" in said
    assert "-10.0.0.2 10.0.0.2.x.test\n+10.0.0.3 10.0.0.3.x.test\n" in said


def test_run_plugin_shows_what_is_wrong(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("pth: x\n")
    code, said = lighthouse("run-plugin", "own", *files)
    assert code == 1
    assert "its config is rejected: pth: unknown key 'pth'; did you mean 'path'?" in said
    assert "Traceback" not in said
    (tmp_path / "nodes.yaml").write_text("web: [10.0.0.1]\n")
    code, said = lighthouse("run-plugin", "own", *files)
    assert code == 1
    assert said.startswith("web: 10.0.0.1: ")


def test_run_plugin_stops_where_it_raises(files: list[str], site: PluginSite) -> None:
    site.add("balancer", "own", RIGHT.replace("content = self.render", "content = self.rendr"))
    code, said = lighthouse("run-plugin", "own", *files, "--pdb", typed="p clusters[0].name\nq\n")
    assert code == 1
    assert "AttributeError: 'Own' object has no attribute 'rendr'" in said
    assert "(Pdb) 'web'" in said


def test_run_plugin_performs_a_check_once(tmp_path: Path, site: PluginSite) -> None:
    site.add("check", "own", RIGHT_CHECK)
    (tmp_path / "own.yaml").write_text("expect: x\n")
    words = ["run-plugin", "own", "--config", str(tmp_path / "own.yaml")]
    code, said = lighthouse(*words, "--at", "127.0.0.1:1")
    assert code == 1
    assert "ConnectionRefusedError" in said
    assert "foreground.py" not in said
    assert "say where to perform it with --at IP:PORT" in lighthouse(*words)[1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return True", "127.0.0.1:1: perform returned True, expected a Result"),
        ("raise SystemExit", "SystemExit"),
        ("return Result(True, '', 'x=y')", "its metadata is not published: 'x=y', expected a map"),
    ],
)
def test_run_plugin_takes_what_a_worker_takes(body: str, told: str, site: PluginSite) -> None:
    start = RIGHT_CHECK.index("        deadline = time")
    end = RIGHT_CHECK.index("@hookimpl")
    site.add("check", "own", f"{RIGHT_CHECK[:start]}        {body}\n\n\n{RIGHT_CHECK[end:]}")
    file = site.directory / "section.yaml"
    file.write_text("expect: x\n")
    code, said = lighthouse("run-plugin", "own", "--config", str(file), "--at", "127.0.0.1:1")
    assert code == (0 if "Result(" in body else 1)
    assert told in said


def test_check_plugin_tells_what_is_installed(site: PluginSite) -> None:
    site.add("balancer", "own", RIGHT)
    code, said = lighthouse("check-plugin", "own")
    assert code == 0, said
    assert "distribution  own 1.0\n" in said
    assert "entry point   own = plugin_own in lighthouse.balancers\n" in said
    assert "class         plugin_own.Own\n" in said
    assert f"file          {site.directory}/plugin_own.py:" in said
    assert f"interpreter   {sys.executable}" in said
    assert said.endswith("it can be used\n")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nothing_like_it", "nothing_like_it"),
        ("def f(:", "plugin_own.py:1"),
        ("from lighthouse.balancer import Balancer", "lighthouse_balancer"),
        (RIGHT.replace("def sync_file(self, clusters)", "def sync_file(self)"), "sync_file"),
        (RIGHT.replace("def sync_file", "def sync_files"), "did you mean"),
    ],
)
def test_check_plugin_tells_what_is_wrong(source: str, told: str, site: PluginSite) -> None:
    site.add("balancer", "own", source)
    code, said = lighthouse("check-plugin", "own")
    assert code == 1
    assert "own 1.0" in said
    assert "fault         " in said
    assert told in said


def test_check_plugin_of_a_name_that_nobody_has(site: PluginSite) -> None:
    code, said = lighthouse("check-plugin", "nobody")
    assert code == 1
    assert "no plugin nobody is installed for" in said
    code, said = lighthouse("check-plugin", "haproxi")
    assert "; did you mean 'haproxy'?; `lighthouse plugins` lists them" in said
    code, said = lighthouse("check-plugin", "zookeeper")
    assert code == 1
    assert "zookeeper is a discovery and a check; add --kind" in said
