"""Reading and acting are two rights on the control socket, which ``control`` gives away."""

import grp
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet import Fleet, running
from tests.stranger import NOBODY, as_nobody, open_directory
from tests.waiting import eventually

GROUP = 54321
"""A group that somebody is in without any entry in the list of groups."""

NO_RIGHT = "not allowed to ask the daemon"
READS_ONLY = "allowed to read what the daemon says, but not to have it act"


@pytest.fixture
def served() -> Iterator[Fleet]:
    """A fleet that others can reach, with a service; its daemon is healthy."""
    if os.geteuid() != 0:
        pytest.skip("needs a daemon of root and someone else")
    with open_directory() as root, running(root) as fleet:
        (fleet.config / "balancers/haproxy.yaml").unlink()
        fleet.write("clusters/web.yaml", {"discovery": "files"})
        (fleet.nodes / "web").mkdir()
        fleet.write("services/app.yaml", {"port": 8080, "discovery": "files"})
        fleet.start()
        eventually(lambda: fleet.status()["services"][0]["registered"])
        yield fleet


def _configure(fleet: Fleet, **control: Any) -> None:
    """Give rights away in place of those before, and wait until the daemon has.

    The socket's mode tells it, so those before are taken away first.
    """
    settings = {
        "run_dir": str(fleet.run_dir),
        "state_dir": str(fleet.root / "state"),
        "advertise": "127.0.0.1",
    }
    socket = fleet.run_dir / "control.sock"
    fleet.write("lighthouse.yaml", settings)
    eventually(lambda: socket.stat().st_mode & 0o777 == 0o600)
    if control:
        fleet.write("lighthouse.yaml", {**settings, "control": control})
        eventually(lambda: socket.stat().st_mode & 0o777 == 0o666)


def test_an_account_may_be_let_in_to_read_and_not_to_act(served: Fleet) -> None:
    code, said = as_nobody(served.config, "status")
    assert (code, NO_RIGHT in said) == (4, True), said
    _configure(served, read={"users": [NOBODY.pw_name]})
    for words in (["status"], ["status", "--json"], ["explain", "web"]):
        code, said = as_nobody(served.config, *words)
        assert code in (0, 1), said
        assert NO_RIGHT not in said
    for words in (["down", "app"], ["up", "app"]):
        code, said = as_nobody(served.config, *words)
        assert (code, READS_ONLY in said) == (4, True), said
    assert served.status()["services"][0]["maintenance"] is None
    _configure(served)
    code, said = as_nobody(served.config, "status")
    assert (code, NO_RIGHT in said) == (4, True), said


def test_acting_includes_reading_and_groups_count(served: Fleet) -> None:
    _configure(served, act={"users": [NOBODY.pw_name]})
    code, said = as_nobody(served.config, "status")
    assert code == 0, said
    code, said = as_nobody(served.config, "down", "app", "--no-wait")
    assert code == 0, said
    assert served.status()["services"][0]["maintenance"]["by"]
    _configure(served, act={"groups": ["daemon"]}, read={"groups": ["adm"]})
    code, said = as_nobody(served.config, "status")
    assert (code, NO_RIGHT in said) == (4, True), said
    assert as_nobody(served.config, "status", groups=[_number("adm")])[0] == 0
    code, said = as_nobody(served.config, "up", "app", groups=[_number("adm")])
    assert (code, READS_ONLY in said) == (4, True), said
    code, said = as_nobody(served.config, "up", "app", groups=[GROUP, _number("daemon")])
    assert code == 0, said


def _number(group: str) -> int:
    return grp.getgrnam(group).gr_gid


def test_who_has_no_right_is_told_so_at_once(served: Fleet) -> None:
    for words in (("status",), ("wait", "web"), ("stop",), ("reload",)):
        code, said = as_nobody(served.config, *words)
        assert (code, "not allowed" in said) == (4, True), said
    served.kill(signal.SIGTERM)
    code, said = as_nobody(served.config, "start")
    assert code == 4, said
    assert "Traceback" not in said
