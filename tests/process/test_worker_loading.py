"""How a worker becomes one: its plugin, its parent, its descriptors, its title, its lock."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lighthouse import DISTRIBUTION
from lighthouse.ipc.messages import Applied, Failed, Ready
from lighthouse.ipc.snapshot import BalancerSnapshot, CheckSnapshot, PluginSettings
from tests.rig import Rig
from tests.waiting import eventually

HEAD = """
import sys
from lighthouse import hookimpl
from lighthouse.balancer import Balancer
"""

IDLE = (
    HEAD
    + """
class Idle(Balancer):
    def sync_file(self, clusters):
        print("synced")

@hookimpl
def lighthouse_balancer():
    return Idle
"""
)

UNUSABLE = {
    "import error": ("import nothing_of_this_name", "ModuleNotFoundError: No module named"),
    "syntax error": ("def (", "cannot be imported: SyntaxError: invalid syntax"),
    "exit at import": ("raise SystemExit('no')", "cannot be imported: SystemExit: no"),
    "no hook": (HEAD, "names no class"),
    "misspelt hook": (
        HEAD + "@hookimpl\ndef lighthouse_balancr():\n    return Balancer\n",
        "hooks are not as specified: unknown hook 'lighthouse_balancr'",
    ),
    "not a class": (
        HEAD + "@hookimpl\ndef lighthouse_balancer():\n    return 7\n",
        "returned 7, expected a subclass of lighthouse.balancer.Balancer",
    ),
    "another contract": (
        HEAD + "@hookimpl\ndef lighthouse_balancer():\n    return dict\n",
        "returned dict, expected a subclass of lighthouse.balancer.Balancer",
    ),
    "raising hook": (
        HEAD + "@hookimpl\ndef lighthouse_balancer():\n    raise KeyError('x')\n",
        "lighthouse_balancer raised KeyError: 'x'",
    ),
    "missing dependency": (
        IDLE + "\nIdle.validate_dependencies = classmethod(lambda cls: False)\n",
        "validate_dependencies: something that it needs is missing",
    ),
    "named dependency": (
        IDLE
        + "\ndef need(cls):\n    raise RuntimeError('needs the program idled')\n"
        + "Idle.validate_dependencies = classmethod(need)\n",
        "validate_dependencies: needs the program idled",
    ),
    "no override": (
        HEAD + "class Own(Balancer): ...\n@hookimpl\ndef lighthouse_balancer():\n    return Own\n",
        "Own has no sync_file; define `def sync_file(self, clusters)`",
    ),
    "an instance": (
        IDLE.replace("return Idle", "return Idle()"),
        "lighthouse_balancer returned an instance of Idle, expected the class",
    ),
    "several faults": (
        IDLE + "\nIdle.validate_config = lambda self, c: 0\nIdle.apply_config = 7\n",
        "(and 1 more)",
    ),
    "unmarked hook and a fault": (
        IDLE.replace("@hookimpl\n", "").replace("(self, clusters)", "(self)"),
        "is not marked as a hook; write `@hookimpl` above it (and 1 more)",
    ),
    "the contract itself": (
        IDLE.replace("return Idle", "return Balancer"),
        "lighthouse_balancer returned Balancer, which is the contract itself and does nothing; "
        "write `return Idle`",
    ),
    "misspelt import": (
        "from lighthouse.balancer import Balancr",
        "did you mean `Balancer`?",
    ),
    "raising constructor": (
        IDLE + "\nIdle.__init__ = lambda self: [][1]\n",
        "cannot be created: IndexError",
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_plugin_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, case: str) -> None:
    source, reason = UNUSABLE[case]
    with Rig(tmp_path, "balancer", source) as rig:
        failed = rig.expect(Failed)
        assert reason in failed.reason
        assert "(own 1.0, entry point own = plugin_own" in failed.reason
        assert "\n" not in failed.reason
        assert failed.report.faults[0].remedy
        assert failed.report.interpreter.startswith(sys.executable)
        assert failed.report.interpreter in rig.log
        assert rig.exit_status() == 1
        assert not rig.received(Ready)
        assert reason in rig.log


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import sys\n\ndef broken(:\n", 3),
        ("import sys\n\n\nNOTHING = {}['name']\n", 4),
        (HEAD + "\n@hookimpl\ndef lighthouse_balancer():\n    return Own\n", 8),
        (IDLE.replace("return Idle", "pass"), 10),
    ],
)
def test_what_cannot_be_loaded_has_file_and_line(tmp_path: Path, source: str, line: int) -> None:
    with Rig(tmp_path, "balancer", source) as rig:
        place = f"{tmp_path}/plugin_own.py:{line}"
        told = f"(own 1.0, entry point own = plugin_own, {place})"
        assert rig.expect(Failed).reason.endswith(told)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("plugin_own:Idle", ""),
        ("plugin_own.Idle", "did you mean `own = plugin_own:Idle`?"),
        ("plugin_own:Idl", "did you mean `own = plugin_own:Idle`?"),
        ("plugin_own:lighthouse_balancer", "the function lighthouse_balancer, no"),
        ("plugin-own", "did you mean `own = plugin_own`?"),
        ("plugin_own:Idle()", "did you mean `own = plugin_own:Idle`?"),
        ("plugin_onw", "did you mean `own = plugin_own`?"),
        ("src.plugin_own:Idle", "did you mean `own = plugin_own:Idle`?"),
        ("plugin_own.py", "did you mean `own = plugin_own`?"),
        ("plugin_own Idle", "its entry point `own = plugin_own Idle` is none"),
        ("plugin_other", "own 1.0 is installed without it: pip install --force-reinstall own"),
    ],
)
def test_what_an_entry_point_may_name(tmp_path: Path, value: str, told: str) -> None:
    rig = Rig(tmp_path, "balancer", IDLE)
    points = tmp_path / "own-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[lighthouse.balancers]\nown = {value}\n")
    with rig:
        if told:
            assert told in rig.expect(Failed).reason
        else:
            assert rig.expect(Ready).report.loaded == "plugin_own.Idle"


@pytest.mark.parametrize(
    ("requirement", "told", "refused"),
    [
        ("Requires-Dist: lighthouse-balancer>=2", "", False),
        ("Requires-Dist: Lighthouse_Balancer<2", "requires Lighthouse_Balancer <2", True),
        ("Requires-Dist: lighthouse>=99", "requires lighthouse >=99, and this is", True),
        ("Requires-Dist: lighthouse", "which on the index is another project", False),
        ("Requires-Dist: of-nobody", "requires of-nobody, which is not installed", False),
        ("Requires-Dist: of-nobody; extra == 'more'", "", False),
        ("Requires-Python: >=4", "requires Python >=4, and ", True),
    ],
)
def test_what_a_distribution_requires(
    tmp_path: Path, requirement: str, told: str, refused: bool
) -> None:
    rig = Rig(tmp_path, "balancer", IDLE)
    metadata = tmp_path / "own-1.0.dist-info" / "METADATA"
    metadata.write_text(f"{metadata.read_text()}{requirement}\n")
    with rig:
        if refused:
            assert told in rig.expect(Failed).reason
            return
        faults = rig.expect(Ready).report.faults
        assert [told in fault.message and fault.warning for fault in faults] == [True] * bool(told)
        assert told in rig.log


def test_an_unknown_plugin_is_told_with_those_that_are_installed(tmp_path: Path) -> None:
    with Rig(tmp_path, "discovery", None, plugin="missing") as rig:
        reason = rig.expect(Failed).reason
        assert "no discovery plugin 'missing' is installed (lighthouse.discovery)" in reason
        assert "file" in reason.split("; installed: ")[1].split(", ")


@pytest.mark.parametrize("plugin", ["redis", "postgresql", "rabbitmq", "grpc"])
def test_a_missing_package_is_told_with_how_to_install_it(tmp_path: Path, plugin: str) -> None:
    package = {"postgresql": "psycopg", "rabbitmq": "amqp"}.get(plugin, plugin)
    absent = tmp_path / f"{package}.py"
    absent.write_text(f"raise ModuleNotFoundError('No module named {package}', name={package!r})")
    with Rig(tmp_path, "check", None, plugin=plugin) as rig:
        reason = rig.expect(Failed).reason
        assert f"No module named {package}; pip install '{DISTRIBUTION}[{plugin}]'" in reason
        assert rig.exit_status() == 1
        assert "pip install" in rig.log
        assert "Traceback" not in rig.log


def test_it_ends_if_its_parent_is_not_the_one_that_started_it(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", IDLE, parent_pid=1) as rig:
        assert rig.exit_status() == 0
        assert not rig.received(Ready)


def test_it_dies_with_its_parent_even_if_its_channel_stays_open(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "balancer", IDLE, parent_pid=0)
    start = "import subprocess, sys; subprocess.Popen(sys.argv[2:], pass_fds=[int(sys.argv[1])])"
    fd = str(rig.descriptor)
    with subprocess.Popen(
        [sys.executable, "-c", start + ".wait()", fd, *rig.command],
        pass_fds=[int(fd)],
        env=rig.environment,
    ) as parent:
        rig.ready()
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        worker = os.pidfd_open(int(children[0]))
        parent.kill()
    try:
        eventually(lambda: _gone(worker))
    finally:
        os.close(worker)
        rig.close()


def _gone(pidfd: int) -> bool:
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_holds_no_descriptor_but_its_own(tmp_path: Path) -> None:
    stray = socket.socketpair()
    rig = Rig(tmp_path, "balancer", IDLE, inherit=[stray[0].fileno()])
    with stray[0], stray[1], rig:
        rig.ready()
        rig.deliver(BalancerSnapshot(PluginSettings()))
        rig.expect(Applied)

        def held() -> set[str]:
            return {os.readlink(entry) for entry in Path(f"/proc/{rig.pid}/fd").iterdir()}

        files = {"/dev/null", str(rig.lock)}
        eventually(lambda: {name for name in held() if name.startswith("/")} == files)
        assert len([name for name in held() if name.startswith("socket:")]) == 1
        others = {name.split(":")[0] for name in held() if not name.startswith("/")}
        assert others <= {"pipe", "socket", "anon_inode"}


def test_its_title_tells_what_it_is_doing(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", IDLE, name="web") as rig:
        rig.ready()

        def title() -> str:
            return Path(f"/proc/{rig.pid}/cmdline").read_text().rstrip("\0")

        assert title() == "lighthouse: balancer web"
        rig.deliver(BalancerSnapshot(PluginSettings()))
        eventually(lambda: title() == "lighthouse: balancer web (0 clusters, 0 nodes, v1)")


def test_the_terminal_does_not_end_it_but_sigterm_does(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", IDLE) as rig:
        rig.ready()
        os.kill(rig.pid, signal.SIGINT)
        os.kill(rig.pid, signal.SIGHUP)
        rig.deliver(BalancerSnapshot(PluginSettings()))
        rig.expect(Applied)
        os.kill(rig.pid, signal.SIGTERM)
        assert rig.exit_status() == -signal.SIGTERM


def test_two_workers_of_one_name_never_work_at_once(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", IDLE) as first:
        first.deliver(BalancerSnapshot(PluginSettings()))
        first.expect(Applied)
        with Rig(tmp_path, "balancer", IDLE) as second:
            second.ready()
            second.deliver(BalancerSnapshot(PluginSettings()))
            assert second.validate(BalancerSnapshot(PluginSettings())).rejections == ()
            assert not second.received(Applied)
            os.kill(first.pid, signal.SIGKILL)
            assert second.expect(Applied).kind == "applied"


@pytest.mark.slow
def test_it_gives_up_when_another_process_keeps_the_lock(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", IDLE) as first:
        first.deliver(BalancerSnapshot(PluginSettings()))
        first.expect(Applied)
        with Rig(tmp_path, "balancer", IDLE) as second:
            second.deliver(BalancerSnapshot(PluginSettings()))
            failed = second.expect(Failed, within=30)
            holds = f"another process (pid {first.pid}) holds {second.lock}"
            assert failed.reason == holds
            assert second.exit_status() == 1
            assert "synced" not in second.log


def test_a_snapshot_of_another_kind_is_a_fault_that_is_told(tmp_path: Path) -> None:
    with Rig(tmp_path, "balancer", IDLE) as rig:
        assert "not a snapshot of this kind" in rig.validate(CheckSnapshot()).reason
        rig.deliver(CheckSnapshot())
        failed = rig.expect(Failed)
        assert failed.reason == "TypeError: a CheckSnapshot was sent to a balancer"
        assert "Traceback" in failed.traceback
        assert rig.exit_status() == 1


def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "balancer", "import nothing_of_this_name")
    metadata = tmp_path / "own-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text() + "Provides-Extra: own\n")
    with rig:
        reason = rig.expect(Failed).reason
        assert "No module named 'nothing_of_this_name'" in reason
        assert "; pip install 'own[own]' (own 1.0, entry point" in reason
