"""The packages that `make dist` and `make deb` build, installed where nothing else is.

The Debian package is installed into a copy of this machine that only its own processes see: an
overlay over its root file system, which is thrown away.
"""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.fleet import Traffic
from tests.ports import free_port
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1"

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(1500)]

MACHINE = """\
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount -t tmpfs run "$1/root/run"
mount -t tmpfs tmp "$1/root/tmp"
cp "$2" "$1/root/tmp/lighthouse.deb"
printf '#!/bin/sh\\nexit 0\\n' > "$1/root/usr/sbin/policy-rc.d"
chmod 755 "$1/root/usr/sbin/policy-rc.d"
export RUNLEVEL=2 PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec chroot "$1/root" sh
"""

INSTALL = f"""\
set -e
dpkg -i /tmp/lighthouse.deb
lighthouse status
mkdir -p /srv/nodes/web
echo '{{"host": "a", "ip": "127.0.0.1", "port": BACKEND}}' > /srv/nodes/web/a.json
cd /etc/lighthouse
echo 'path: /srv/nodes' > discovery/file.yaml
printf 'discovery: file\\nhaproxy: {{port: FRONT}}\\n' > clusters/web.yaml
cat > balancers/haproxy.yaml <<END
config_file: /var/lib/lighthouse-workers/haproxy.cfg
socket_file: /var/lib/lighthouse-workers/haproxy.sock
pid_file: /var/lib/lighthouse-workers/haproxy.pid
bind_address: {ADDRESS}
END
lighthouse wait web --timeout 60
lighthouse status
ps -eo user:20,args | grep '[l]ighthouse: '
"""

UPGRADE = "dpkg -i /tmp/lighthouse.deb && lighthouse status"

REMOVE = """\
dpkg --remove lighthouse-balancer
! ls /usr/lib/lighthouse
! lighthouse status
test -f /etc/lighthouse/clusters/web.yaml
kill "$(cat /var/lib/lighthouse-workers/haproxy.pid)"
dpkg --purge lighthouse-balancer
! getent passwd lighthouse
! ls -d /var/lib/lighthouse* /etc/init.d/lighthouse /etc/default/lighthouse
"""


class Machine:
    """A shell as root in the copy; ``run`` gives it a script and returns what it printed."""

    def __init__(self, place: Path, package: Path) -> None:
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation"]
        self._shell = subprocess.Popen(
            [*words, "private", "sh", "-c", MACHINE, "sh", str(place), str(package)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )

    def run(self, script: str) -> str:
        """Raises ``AssertionError`` with its output if the script fails."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write(f"( {script}\n) 2>&1; echo ended $?\n")
        self._shell.stdin.flush()
        printed: list[str] = []
        for line in self._shell.stdout:
            if line.startswith("ended "):
                assert line == "ended 0\n", "".join([*printed, line])
                return "".join(printed)
            printed.append(line)
        raise AssertionError("".join(printed))

    def close(self) -> None:
        with self._shell:
            assert self._shell.stdin
            self._shell.stdin.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = subprocess.run(
        [ROOT / ".ci/deb/build", sys.executable, tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (package,) = (tmp_path / "out").glob("*.deb")
    place = tmp_path / "machine"
    place.mkdir()
    machine = Machine(place, package)
    yield machine
    machine.close()


@pytest.mark.needs("mount", "invoke-rc.d", "dpkg", "haproxy", "nfpm")
def test_a_debian_package_lives_from_its_installation_to_its_purge(machine: Machine) -> None:
    """No request is lost in its upgrades; plugins run as an account of their own."""
    port = free_port()
    with Backend("a") as backend:
        printed = machine.run(
            INSTALL.replace("BACKEND", str(backend.port)).replace("FRONT", str(port))
        )
        assert "lighthouse: started" in printed
        processes = [line.split(maxsplit=1) for line in printed.splitlines()[-3:]]
        users = {title.split("(")[0].strip(): user for user, title in processes}
        assert users == {
            "lighthouse: supervisor": "root",
            "lighthouse: balancer haproxy": "lighthouse",
            "lighthouse: discovery file": "lighthouse",
        }
        with Traffic(port) as traffic:
            for _ in range(5):
                assert "healthy" in machine.run(UPGRADE)
                seen = traffic.requests
                eventually(lambda seen=seen: traffic.requests > seen + 10)
        assert traffic.failures == []
        assert traffic.requests > 100
        machine.run(REMOVE)


@pytest.mark.needs("reuse")
def test_sdist_and_wheel_are_whole(tmp_path: Path) -> None:
    made = subprocess.run(
        [ROOT / ".ci/dist", sys.executable, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    hidden = (".ci/", ".gitignore", "lighthouse/workers")
    missing = [
        name
        for name in listed.stdout.splitlines()
        if name not in packed and not name.startswith(hidden)
    ]
    assert missing == []
    (wheel,) = tmp_path.glob("*.whl")
    for package in (sdist, wheel):
        place = tmp_path / package.suffix
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", package], check=True)
        for command in (["--version"], ["plugins"], ["check", "-c", str(ROOT / "etc/lighthouse")]):
            result = subprocess.run(
                [place / "bin/lighthouse", *command],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
            assert "Traceback" not in result.stderr
            allowed = (0, 1) if command[0] == "check" else (0,)
            assert result.returncode in allowed, result.stderr
