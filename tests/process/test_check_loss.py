"""Checks that nobody performs any more: their services do not stay registered for ever."""

import os
import signal
from pathlib import Path

import pytest

from tests.fleet import Fleet
from tests.waiting import eventually

CRASHING = """
import os
from lighthouse import hookimpl
from lighthouse.check import Check, Result

class Frail(Check):
    def perform(self, host, port, timeout):
        return Result(True, "well", {"role": "primary"})

@hookimpl
def lighthouse_check():
    if os.path.exists(os.environ["FRAIL_FLAG"]):
        os._exit(7)
    return Frail
"""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def flag(fleet: Fleet, tmp_path: Path) -> Path:
    """While this file is there, the check's worker dies whenever it is started."""
    fleet.plugin("frail", CRASHING, "check")
    fleet.env["FRAIL_FLAG"] = str(tmp_path / "crash")
    return tmp_path / "crash"


def _service(fleet: Fleet, policy: object) -> None:
    checks = {"interval": 0.1, "timeout": 0.5, "frail": {}}
    content = {"port": 9, "discovery": "files", "checks": checks, "on_check_loss": policy}
    fleet.write("services/solo.yaml", content)


def _registered(fleet: Fleet) -> bool:
    return any((fleet.nodes / "solo").glob("*.json"))


def _crash(fleet: Fleet, flag: Path) -> None:
    """From now on the check's worker dies at once, again and again."""
    eventually(lambda: _registered(fleet), 20)
    flag.touch()
    os.kill(fleet.worker("frail", "check")["pid"], signal.SIGKILL)


def test_a_service_whose_check_is_gone_is_deregistered_and_told_of(
    fleet: Fleet, flag: Path
) -> None:
    _service(fleet, {"deregister": {"after": "1s"}})
    fleet.start()
    _crash(fleet, flag)
    eventually(lambda: not _registered(fleet), 30)
    status = eventually(fleet.status)
    (service,) = status["services"]
    (check,) = service["checks"]
    assert service["up"] is False
    assert (check["passing"], check["overdue"]) == (None, True)
    assert "the service counts as down" in check["reason"]
    (problem,) = status["problems"]
    assert problem.startswith("check frail: ")
    assert problem.endswith("; service solo is not checked")
    eventually(lambda: "check frail has given no verdict for" in fleet.log.read_text())
    shown = fleet.lighthouse("status")
    assert shown.returncode == 1
    assert "unknown" in shown.stdout

    flag.unlink()
    eventually(lambda: _registered(fleet), 60)
    eventually(lambda: fleet.status()["services"][0]["checks"][0]["passing"], 20)


def test_a_service_that_is_kept_stays_registered_though_its_check_is_unknown(
    fleet: Fleet, flag: Path
) -> None:
    _service(fleet, "keep")
    fleet.start()
    _crash(fleet, flag)
    eventually(lambda: fleet.status()["services"][0]["checks"][0]["overdue"], 30)
    (service,) = fleet.status()["services"]
    assert (service["up"], service["registered"]) == (None, True)
    assert "on_check_loss: keep" in service["checks"][0]["reason"]
    assert "primary" in next((fleet.nodes / "solo").glob("*.json")).read_text()


def test_a_check_that_says_the_same_for_ever_is_fresh_for_ever(fleet: Fleet, flag: Path) -> None:
    _service(fleet, {"deregister": {"after": 0}})
    fleet.start()
    eventually(lambda: _registered(fleet), 20)
    first = fleet.status()["services"][0]["checks"][0]

    def check() -> dict[str, object]:
        found: dict[str, object] = fleet.status()["services"][0]["checks"][0]
        assert not found["overdue"]
        return found

    eventually(lambda: check()["checked_at"] >= first["checked_at"] + 7, 30)
    assert check()["changed_at"] == first["changed_at"]
    assert _registered(fleet)
    assert "has given no verdict" not in fleet.log.read_text()
