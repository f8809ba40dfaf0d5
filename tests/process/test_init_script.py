"""The init script as it is installed and called on a host: by ``service`` and ``invoke-rc.d``.

Both find it below /etc, which is this test's own for as long as a call lasts: a mount that
nobody else sees.
"""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disk import small_disk
from tests.fleet import Fleet
from tests.waiting import eventually

ETC = Path(__file__).parents[2] / "etc"

pytestmark = pytest.mark.needs("mount", "invoke-rc.d")

MOUNTS = """\
set -e
mount --bind "$0/init.d" /etc/init.d
mount --bind "$0/default" /etc/default
mount --bind "$0/bin" /usr/local/sbin
[ ! -e /usr/sbin/policy-rc.d ] || mount --bind "$0/policy" /usr/sbin/policy-rc.d
exec "$@"
"""


class Host:
    """Where Lighthouse is installed; its configuration is the fleet's."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.place = fleet.root / "installed"
        for name in ("init.d", "default", "bin"):
            (self.place / name).mkdir(parents=True)
        script = self.place / "init.d/lighthouse"
        script.write_bytes((ETC / "init.d/lighthouse").read_bytes())
        program = self.place / "bin/lighthouse"
        path = fleet.env.get("PYTHONPATH", "")
        command = f'PYTHONPATH={path} exec {sys.executable} -P -m lighthouse.commands "$@"'
        program.write_text(f"#!/bin/sh\n{command}\n")
        policy = self.place / "policy"
        policy.write_text("#!/bin/sh\nexit 0\n")
        for file in (script, program, policy):
            file.chmod(0o755)
        self.configure()

    def configure(self, **settings: str) -> None:
        """What stands in /etc/default/lighthouse besides where all is."""
        sample = (ETC / "default/lighthouse").read_text()
        own = {"CONFIG": str(self.fleet.config), **settings}
        lines = [f"{name}={value}" for name, value in own.items()]
        (self.place / "default/lighthouse").write_text("\n".join([sample, *lines, ""]))

    def service(self, action: str, *program: str) -> subprocess.CompletedProcess[str]:
        """``service lighthouse ACTION``, or the same by another program."""
        words = [*(program or ("service",)), "lighthouse", action]
        private = ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTS]
        return subprocess.run(
            [*private, str(self.place), *words],
            capture_output=True,
            text=True,
            timeout=60,
            env={**self.fleet.env, "RUNLEVEL": "2"},
            check=False,
        )

    def code(self, action: str, *program: str) -> int:
        return self.service(action, *program).returncode

    def pid(self) -> int:
        return int(self.fleet.status()["supervisor"]["pid"])


@pytest.fixture
def host(fleet: Fleet) -> Iterator[Host]:
    host = Host(fleet)
    yield host
    host.configure()
    fleet.lighthouse("stop")


def test_the_actions_and_codes_of_the_standard(host: Host) -> None:
    assert [host.code(action) for action in ("status", "stop", "try-restart")] == [3, 0, 0]
    assert host.code("reload") == 7
    started = host.service("start")
    assert (started.returncode, started.stderr) == (0, ""), started
    status = host.fleet.status()
    assert status["healthy"], "start returned before the daemon was ready"
    first = host.pid()
    again = host.service("start")
    assert (again.returncode, "already" in again.stdout) == (0, True), again
    assert host.code("status") == 0
    assert host.code("reload") == 0
    assert host.pid() == first
    assert host.code("restart", "invoke-rc.d") == 0
    second = host.pid()
    assert second != first
    assert host.code("try-restart") == 0
    assert host.pid() not in (first, second)
    third = host.pid()
    assert host.code("force-reload") == 0
    assert host.pid() == third
    assert host.code("dance") == 2
    assert [host.code(action) for action in ("stop", "stop", "status")] == [0, 0, 3]


def test_a_daemon_of_an_init_script_is_detached(host: Host) -> None:
    """It has nothing of its caller: no directory, descriptor, session or umask."""
    assert host.code("start") == 0
    place = Path(f"/proc/{host.pid()}")
    assert os.readlink(place / "cwd") == "/"
    assert os.getsid(host.pid()) != os.getsid(0)
    status = dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines())
    assert status["Umask"] == "0027"
    assert os.readlink(place / "fd/0") == os.devnull
    log = host.fleet.run_dir / "lighthouse.log"
    assert os.readlink(place / "fd/2") == str(log)
    assert stat.S_IMODE(log.stat().st_mode) == 0o640
    held = {os.readlink(entry) for entry in (place / "fd").iterdir() if entry.is_symlink()}
    assert not [name for name in held if name.startswith(("/dev/pts", "/dev/tty"))], held


def test_after_a_daemon_that_was_killed(host: Host) -> None:
    """A pid file without a daemon, also if its number is someone else's now, keeps no one out."""
    assert host.code("start") == 0
    pidfile = host.fleet.run_dir / "lighthouse.pid"
    os.kill(host.pid(), signal.SIGKILL)
    eventually(lambda: host.fleet.lighthouse("status").returncode == 3)
    assert host.code("status") == 3
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            pidfile.write_text(f"{stranger.pid}\n")
            assert host.code("status") == 3
            assert host.code("stop") == 0
            assert host.code("start") == 0
            assert host.pid() != stranger.pid
            assert host.code("stop") == 0
            assert stranger.poll() is None, "a stranger was ended"
        finally:
            stranger.kill()


@pytest.mark.slow
def test_what_is_in_its_way_is_said(host: Host) -> None:
    host.configure(CONFIG="/none/there")
    result = host.service("start")
    assert (result.returncode, "/none/there" in result.stderr) == (1, True), result
    host.configure(ENABLED="no")
    assert host.code("start") == 6
    host.configure(DAEMON="/none/lighthouse")
    assert [host.code(action) for action in ("start", "status", "stop")] == [5, 3, 0]
    host.configure()
    host.fleet.run_dir.write_text("")
    result = host.service("start")
    assert (result.returncode, str(host.fleet.run_dir) in result.stderr) == (1, True), result
    host.fleet.run_dir.unlink()
    with small_disk(host.fleet.run_dir):
        host.fleet.run_dir.chmod(0o755)
        (host.fleet.run_dir / "full").write_bytes(bytes(48 * 1024))
        filler = os.open(host.fleet.run_dir / "rest", os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(filler, bytes(1024)):
                pass
        except OSError:
            os.close(filler)
        result = host.service("start")
        assert result.returncode in (0, 1)
        assert "Traceback" not in result.stderr
        if result.returncode:
            assert "No space left on device" in result.stderr
        else:
            assert host.code("status") == 0
        assert host.code("stop") == 0


def test_what_is_not_well_at_a_start_is_printed(host: Host) -> None:
    host.fleet.write("balancers/missing.yaml", {})
    result = host.service("start")
    assert result.returncode == 0
    assert "lighthouse: not all is well" in result.stderr
    assert "balancers/missing.yaml:1:1" in result.stderr
    assert host.code("status") == 0
