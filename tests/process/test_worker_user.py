"""``worker: user``: plugins run as the account that it names, in the daemon and in commands."""

import os
import pwd
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, running
from tests.requirements import require
from tests.stranger import open_directory
from tests.waiting import eventually

ACCOUNT = pwd.getpwnam("nobody")
"""An account that exists everywhere, and whose group has another name."""

LOW_ADDRESS = "127.83.7.1"
"""One at which nobody else binds a port below 1024."""

SOURCE = """\
import os
from lighthouse import hookimpl
from lighthouse.balancer import Balancer

def say(what):
    with open({place!r}, "a") as file:
        home = os.environ.get("HOME")
        print(what, os.getresuid(), os.getresgid(), os.getgroups(), home, file=file)

say("imported")

class Who(Balancer):
    @classmethod
    def validate_config(cls, config):
        say("validated")

    def apply_config(self, config):
        pass

    def sync_file(self, clusters):
        say("synced")

@hookimpl
def lighthouse_balancer():
    return Who
"""


@pytest.fixture
def who() -> Iterator[tuple[Fleet, Path]]:
    """A fleet that the account can reach, and the file to which its plugin says who it is."""
    require("root", "python-for-all")
    root = Path(tempfile.mkdtemp(prefix="lighthouse-user-"))
    try:
        root.chmod(0o755)
        said = root / "said"
        said.touch()
        said.chmod(0o666)
        with running(root) as fleet:
            (fleet.config / "balancers/haproxy.yaml").unlink()
            fleet.plugin("who", SOURCE.format(place=str(said)))
            fleet.write("balancers/who.yaml", {"worker": {"user": ACCOUNT.pw_name}})
            yield fleet, said
            fleet.close()
            assert fleet.leftovers() == []
    finally:
        shutil.rmtree(root)


def _expected() -> str:
    uid, gid = ACCOUNT.pw_uid, ACCOUNT.pw_gid
    groups = os.getgrouplist(ACCOUNT.pw_name, gid)
    return f"{(uid,) * 3} {(gid,) * 3} {groups} {ACCOUNT.pw_dir}"


def _lines(said: Path) -> dict[str, set[str]]:
    """What was said, by whom."""
    found: dict[str, set[str]] = {}
    for line in said.read_text().splitlines():
        what, _, whom = line.partition(" ")
        found.setdefault(what, set()).add(whom)
    return found


def test_a_daemon_of_root_runs_a_plugin_as_another_user(who: tuple[Fleet, Path]) -> None:
    fleet, said = who
    fleet.start()
    eventually(lambda: fleet.worker("who")["snapshot"]["applied"])
    expected = {_expected()}
    assert _lines(said) == {"imported": expected, "validated": expected, "synced": expected}
    first = fleet.worker("who")
    lock = next(fleet.root.rglob("locks/balancer-who"))
    assert lock.stat().st_uid == 0
    os.kill(first["pid"], signal.SIGKILL)
    eventually(lambda: fleet.worker("who")["pid"] not in (None, first["pid"]))
    eventually(lambda: fleet.worker("who")["snapshot"]["applied"])


def test_such_a_worker_can_get_no_other_rights(who: tuple[Fleet, Path]) -> None:
    """It may bind ports below 1024 for its software, and nothing that it starts may do more."""
    fleet, _ = who
    fleet.start()
    eventually(lambda: fleet.worker("who")["snapshot"]["applied"])
    said = _process(fleet.worker("who")["pid"])
    binding = f"{1 << 10:016x}"
    assert (said["CapEff"], said["CapPrm"], said["CapAmb"]) == (binding,) * 3
    assert (said["NoNewPrivs"], said["Umask"]) == ("1", "0027")
    others = _process(fleet.worker("files", "discovery")["pid"])
    assert (others["NoNewPrivs"], others["Umask"]) == ("0", "0027")
    worker = {"user": ACCOUNT.pw_name, "new_privileges": True}
    fleet.write("balancers/who.yaml", {"worker": worker})
    eventually(lambda: _process(fleet.worker("who")["pid"]).get("NoNewPrivs") == "0")


def _process(pid: int | None) -> dict[str, str]:
    """What the kernel says of a process; nothing of one that is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in text.splitlines())


@pytest.mark.needs("root", "python-for-all")
def test_haproxy_of_another_user_serves_a_low_port() -> None:
    """Started, and given a new cluster by a reload, without a right of root's."""
    with open_directory() as root, running(root) as fleet, Backend() as backend:
        place = root / "proxy"
        place.mkdir()
        os.chown(place, ACCOUNT.pw_uid, ACCOUNT.pw_gid)
        fleet.cfg, fleet.pid_file = place / "h.cfg", place / "h.pid"
        files = {"config_file": fleet.cfg, "pid_file": fleet.pid_file, "socket_file": place / "s"}
        own = {key: str(path) for key, path in files.items()} | {"bind_address": LOW_ADDRESS}
        worker = {"user": ACCOUNT.pw_name}
        fleet.write("balancers/haproxy.yaml", {**fleet.haproxy, **own, "worker": worker})
        for name, port in (("web", 81), ("more", 82)):
            fleet.node(name, "one", backend.port)
            fleet.cluster(name, haproxy={"port": port})
            if fleet.daemon is None:
                fleet.start()
            eventually(lambda port=port: _answers(LOW_ADDRESS, port), 30.0)
        served_by = _process(int(fleet.pid_file.read_text().split()[0]))
        assert served_by["Uid"].split() == [str(ACCOUNT.pw_uid)] * 4
        fleet.close()
        assert fleet.leftovers() == []


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 5.0) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_such_a_worker_dies_with_its_daemon(who: tuple[Fleet, Path]) -> None:
    fleet, _ = who
    fleet.start()
    eventually(lambda: fleet.worker("who")["snapshot"]["applied"])
    fleet.kill()
    eventually(lambda: fleet.leftovers() == [])


def test_a_user_is_set_and_unset_on_a_running_daemon(who: tuple[Fleet, Path]) -> None:
    fleet, said = who
    fleet.write("balancers/who.yaml", {})
    fleet.start()
    eventually(lambda: "synced" in _lines(said))
    said.write_text("")
    fleet.write("balancers/who.yaml", {"worker": {"user": ACCOUNT.pw_name}})
    eventually(lambda: _lines(said).get("synced") == {_expected()})
    said.write_text("")
    fleet.write("balancers/who.yaml", {})
    eventually(lambda: "synced" in _lines(said))
    assert _expected() not in _lines(said)["synced"]


@pytest.mark.parametrize("command", ["check", "plan"])
def test_commands_run_no_plugin_as_root_that_the_daemon_does_not(
    who: tuple[Fleet, Path], command: str
) -> None:
    fleet, said = who
    result = fleet.lighthouse(command)
    said_of_it = {"check": 0, "plan": 1}[command]  # of a plugin without preview plan cannot tell
    assert result.returncode == said_of_it, result.stdout + result.stderr
    heard = _lines(said)
    assert set(heard) >= {"imported", "validated"}
    assert {whom for people in heard.values() for whom in people} == {_expected()}


def test_check_says_what_the_user_cannot_do(who: tuple[Fleet, Path]) -> None:
    fleet, said = who
    said.chmod(0o600)
    result = fleet.lighthouse("check")
    assert result.returncode == 1
    assert "Permission denied" in result.stdout
    fleet.write("balancers/who.yaml", {"worker": {"user": "no-such-user"}})
    assert "there is no user 'no-such-user' on this host" in fleet.lighthouse("check").stdout
