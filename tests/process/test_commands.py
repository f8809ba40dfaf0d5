"""The command line against a real daemon: exit codes, words, and nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lighthouse.daemon.locate import find, settings
from lighthouse.daemon.pidfile import AlreadyRunning, Pidfile
from tests.waiting import eventually

INIT = Path(__file__).parents[2] / "etc/init.d/lighthouse"

PLUGINS = {
    "fine": "def validate_config(cls, config): pass",
    "picky": "def validate_config(cls, config): raise ValueError('never good\\x1b[2J')",
    "asleep": "def validate_config(cls, config): import time; time.sleep(3600)",
    "absent": "def x(cls): pass\n\nimport no_such_module_anywhere",
}

MODULE = """\
from lighthouse import hookimpl
from lighthouse.balancer import Balancer


class Plugin(Balancer):
    def sync_file(self, clusters):
        pass

    @classmethod
    {body}


@hookimpl
def lighthouse_balancer():
    return Plugin
"""


class Tree:
    """A configuration in a temporary directory, and the commands for it."""

    def __init__(self, root: Path, plugins: Path) -> None:
        self.root = root
        self.plugins = plugins
        self.write("lighthouse.yaml", "run_dir: run\nstate_dir: state\nadvertise: 127.0.0.1\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.plugins)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "lighthouse.commands", *words, "-c", str(self.root)]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
            check=False,
        )

    def pid(self) -> int | None:
        return find(self.root).pid()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    plugins = tmp_path / "plugins"
    points = ["[lighthouse.balancers]"]
    plugins.mkdir()
    for name, body in PLUGINS.items():
        (plugins / f"commands_{name}.py").write_text(MODULE.format(body=body))
        points.append(f"{name} = commands_{name}")
    info = plugins / "commands_plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: commands-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(points) + "\n")
    (tmp_path / "etc").mkdir()
    tree = Tree(tmp_path / "etc", plugins)
    yield tree
    find(tree.root).stop()


def lives(pid: int | None) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_start_status_reload_stop(tree: Tree) -> None:
    started = tree.call("start")
    assert started.returncode == 0, started.stderr
    pid = tree.pid()
    assert f"started (pid {pid})" in started.stdout
    assert (tree.root / "run/lighthouse.pid").read_text() == f"{pid}\n"
    status = tree.call("status")
    assert (status.returncode, status.stderr) == (0, "")
    assert "healthy" in status.stdout
    document = json.loads(tree.call("status", "--json").stdout)
    assert document["version"] == 1
    assert document["supervisor"]["pid"] == pid
    assert tree.call("reload").returncode == 0
    stopped = tree.call("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"lighthouse: stopped (pid {pid})\n")
    assert not lives(pid)
    assert not (tree.root / "run/lighthouse.pid").exists()


def test_exit_codes_without_a_daemon(tree: Tree) -> None:
    assert tree.call("stop").returncode == 0
    assert tree.call("reload").returncode == 7
    assert tree.call("status").returncode == 3
    assert tree.call("status", "--json").returncode == 3


def test_start_and_run_of_a_running_daemon(tree: Tree) -> None:
    tree.call("start")
    pid = tree.pid()
    again = tree.call("start")
    assert (again.returncode, again.stdout) == (0, f"lighthouse: already running (pid {pid})\n")
    run = tree.call("run")
    assert (run.returncode, run.stderr) == (1, f"lighthouse: already running (pid {pid})\n")
    assert tree.pid() == pid


def test_restart_makes_a_new_daemon(tree: Tree) -> None:
    tree.call("start")
    before = tree.pid()
    assert tree.call("restart").returncode == 0
    assert tree.pid() not in (None, before)


@pytest.mark.parametrize("name", ["run", "start", "restart", "check", "plan"])
def test_without_a_configuration_there_is_nothing_to_start(tree: Tree, name: str) -> None:
    shutil.rmtree(tree.root)
    result = tree.call(name)
    assert result.returncode == 1
    assert "no such directory" in result.stderr


def test_start_shows_why_it_failed(tree: Tree) -> None:
    (tree.root / "run").mkdir()
    (tree.root / "run/control.sock").mkdir()
    result = tree.call("start")
    assert result.returncode == 1
    assert "did not start" in result.stderr
    assert "control.sock" in result.stderr
    assert tree.pid() is None


def test_a_daemon_with_broken_files_starts_and_is_degraded(tree: Tree) -> None:
    tree.write("clusters/web.yaml", "discovery: [\n")
    assert tree.call("start").returncode == 0
    status = tree.call("status")
    assert status.returncode == 1
    assert "clusters/web.yaml:2:1: " in status.stdout


@pytest.mark.parametrize(
    "text",
    [
        "run_dir: elsewhere\n",
        "",
        *(pytest.param(text, marks=pytest.mark.slow) for text in ("}{", "run_dir: [\n")),
    ],
)
def test_a_daemon_is_found_whatever_becomes_of_its_settings(tree: Tree, text: str) -> None:
    tree.call("start")
    pid = tree.pid()
    tree.write("lighthouse.yaml", text)
    status = tree.call("status", "--json")
    assert json.loads(status.stdout)["supervisor"]["pid"] == pid
    assert f"already running (pid {pid})" in tree.call("start").stdout
    assert tree.call("stop").stdout == f"lighthouse: stopped (pid {pid})\n"


@pytest.mark.parametrize("text", ["run_dir: here\nbogus: 1\n", "run_dir: here\nworker: [\n"])
def test_a_daemon_starts_with_broken_settings(tree: Tree, text: str) -> None:
    tree.write("lighthouse.yaml", text)
    assert tree.call("start").returncode == 0
    assert tree.call("status").returncode == 1
    assert (tree.root / "here/control.sock").exists()


def test_what_can_be_read_of_broken_settings_counts(tree: Tree) -> None:
    tree.write("lighthouse.yaml", "run_dir: here\nworker: [\n")
    assert settings(tree.root).run_dir == tree.root / "here"
    tree.write("lighthouse.yaml", "run_dir: here\nbogus: 1\n")
    assert settings(tree.root).run_dir == tree.root / "here"


def test_a_daemon_that_hangs_is_told_from_one_that_is_not_there(tree: Tree) -> None:
    tree.call("start")
    pid = tree.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        for name in ("status", "plan"):
            answer = tree.call(name)
            assert answer.returncode == 1
            assert f"(pid {pid}) runs but does not answer" in answer.stderr
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
def test_a_daemon_that_does_not_stop_is_killed(tree: Tree) -> None:
    tree.write("lighthouse.yaml", "run_dir: run\nstate_dir: state\nstop_timeout: 0\n")
    tree.call("start")
    pid = tree.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    stopped = tree.call("stop")
    assert stopped.returncode == 0
    assert f"killed (pid {pid})" in stopped.stderr
    eventually(lambda: not lives(pid))


def test_run_serves_in_the_foreground_until_sigterm(tree: Tree) -> None:
    with subprocess.Popen(
        tree.command("run"), stderr=subprocess.PIPE, text=True, env=tree.environment
    ) as daemon:
        eventually(lambda: tree.call("status").returncode == 0)
        assert tree.pid() == daemon.pid
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
        assert daemon.stderr is not None
        assert "lighthouse" in daemon.stderr.read()


def test_watch_prints_again_and_again_without_a_terminal(tree: Tree) -> None:
    with subprocess.Popen(
        tree.command("status", "--watch"), stdout=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        lines = iter(watch.stdout.readline, "")
        assert "not running" in next(lines)
        assert "not running" in next(lines)
        tree.call("start")
        assert any("healthy" in line for line in lines)
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20) == 0


def test_check_of_a_good_tree(tree: Tree) -> None:
    tree.write("balancers/fine.yaml", "")
    result = tree.call("check")
    assert (result.returncode, result.stdout) == (0, "2 files good\n"), result.stdout


def test_check_lists_every_fault_and_outlives_every_plugin(tree: Tree) -> None:
    tree.write("lighthouse.yaml", "worker:\n  start_timeout: 3\n  sync_timeout: 1\n")
    tree.write("balancers/picky.yaml", "a: 1\n")
    tree.write("balancers/asleep.yaml", "a: 1\n")
    tree.write("balancers/absent.yaml", "a: 1\n")
    tree.write("discovery/nodes.yaml", "plugin: file\npath: 7\n")
    tree.write("clusters/web.yaml", "discovery: nodes\ndiscovery: nodes\n")
    tree.write("services/web.yaml", "discovery: nodes\nport: 80\nchecks:\n  http:\n    urk: /\n")
    result = tree.call("check")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == sorted(
        f"{name}.yaml"
        for name in (
            *("balancers/absent", "balancers/asleep", "balancers/picky"),
            *("clusters/web", "discovery/nodes", "services/web"),
        )
    )
    found = dict(zip([line.split(":")[0] for line in lines], lines, strict=True))
    assert "no_such_module_anywhere" in found["balancers/absent.yaml"]
    assert "no answer within 4 s" in found["balancers/asleep.yaml"]
    assert "never good" in found["balancers/picky.yaml"]
    assert found["clusters/web.yaml"].startswith("clusters/web.yaml:2:1: ")
    assert found["discovery/nodes.yaml"].startswith("discovery/nodes.yaml:2:")
    assert found["services/web.yaml"].startswith("services/web.yaml:5:5: ")
    assert "\x1b" not in result.stdout


def test_plugins_are_listed_without_being_imported(tree: Tree) -> None:
    tree.write("balancers/fine.yaml", "")
    rows = [line.split() for line in tree.call("plugins").stdout.splitlines()]
    assert ["balancer", "fine", "yes", "commands-plugins", "1.0", "-", "commands_fine"] in rows
    assert ["balancer", "absent", "no", "commands-plugins", "1.0", "-", "commands_absent"] in rows
    assert ["discovery", "file"] in [row[:2] for row in rows]


def init(tree: Tree, action: str, **settings: str) -> subprocess.CompletedProcess[str]:
    defaults = tree.root.parent / "default"
    script = tree.root.parent / "lighthouse"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m lighthouse.commands "$@"\n')
    script.chmod(0o755)
    given = {"DAEMON": str(script), "CONFIG": str(tree.root), **settings}
    defaults.write_text("".join(f"{key}={value}\n" for key, value in given.items()))
    return subprocess.run(
        [shutil.which("sh") or "/bin/sh", INIT, action],
        capture_output=True,
        text=True,
        timeout=60,
        env={"DEFAULTS": str(defaults), "PATH": "/usr/bin:/bin"},
        check=False,
    )


def test_the_init_script_follows_the_standard(tree: Tree) -> None:
    assert init(tree, "status").returncode == 3
    assert init(tree, "reload").returncode == 7
    assert init(tree, "stop").returncode == 0
    assert init(tree, "try-restart").returncode == 0
    assert tree.pid() is None
    assert init(tree, "start").returncode == 0
    assert init(tree, "start").returncode == 0
    first = tree.pid()
    assert first is not None
    assert init(tree, "reload").returncode == 0
    assert init(tree, "force-reload").returncode == 0
    assert tree.pid() == first
    tree.write("clusters/web.yaml", "discovery: [\n")
    eventually(lambda: tree.call("status").returncode == 1)
    assert init(tree, "status").returncode == 0
    assert init(tree, "restart").returncode == 0
    assert tree.pid() not in (None, first)
    assert init(tree, "stop").returncode == 0
    assert tree.pid() is None


def test_the_init_script_refuses_what_it_cannot_do(tree: Tree) -> None:
    assert init(tree, "dance").returncode == 2
    assert init(tree, "start", ENABLED="no").returncode == 6
    assert init(tree, "start", DAEMON="/no/such/file").returncode == 5
    assert init(tree, "stop", DAEMON="/no/such/file").returncode == 0


def test_a_pid_file_counts_only_while_it_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    pidfile = Pidfile(path)
    assert pidfile.owner() is None
    pidfile.acquire()
    assert pidfile.owner() == os.getpid()
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        Pidfile(path).acquire()
    pidfile.release()
    assert not path.exists()
    path.write_text(f"{os.getpid()}\n")
    assert pidfile.owner() is None
    pidfile.acquire()
    pidfile.release()


def test_a_pid_file_passes_to_a_forked_child(tmp_path: Path) -> None:
    pidfile = Pidfile(tmp_path / "x.pid")
    pidfile.acquire()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        pidfile.write()
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    pidfile.hand_over()
    eventually(lambda: pidfile.owner() == child)
    os.close(writing)
    os.waitpid(child, 0)
    assert pidfile.owner() is None
