"""What every test gets."""

import json
import os
import signal
import tempfile
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

from tests.fleet import Fleet
from tests.requirements import require

settings.register_profile("suite", deadline=None)  # a busy machine is no fault
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """What the processes that tests start inherit.

    Whoever starts the suite in the background has its children ignore SIGINT; ours must not.
    gRPC has no part in the children of this process, which may be servers under test.
    What a daemon remembers of a tree beside the tree's own directories goes with the suite, and
    so does what one of the suite's processes makes for all of them.
    """
    durable = tempfile.TemporaryDirectory(prefix="lighthouse-tests-")
    config.add_cleanup(durable.cleanup)
    os.environ["XDG_STATE_HOME"] = durable.name
    if "PYTEST_XDIST_WORKER" not in os.environ:
        once = tempfile.TemporaryDirectory(prefix="lighthouse-once-")
        os.chmod(once.name, 0o711)
        config.add_cleanup(once.cleanup)
        os.environ["TESTS_MADE_ONCE"] = once.name
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the machine has no software or rights for, with the reason."""
    for mark in item.iter_markers("needs"):
        require(*mark.args)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Show the daemon's log and status with a failure."""
    outcome = yield
    report = outcome.get_result()
    fleet = getattr(item, "funcargs", {}).get("fleet")
    if report.failed and isinstance(fleet, Fleet) and fleet.log.exists():
        report.sections.append(("daemon log", fleet.log.read_text()[-8000:]))
        if report.when == "call":
            report.sections.append(("status", _status(fleet)))


def _status(fleet: Fleet) -> str:
    try:
        return json.dumps(fleet.status(), indent=1)[:12000]
    except (AssertionError, OSError, ValueError) as error:
        return repr(error)
