"""What every test gets."""

import pytest

from tests.fleet import Fleet


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the daemon's log with a failure."""
    outcome = yield
    report = outcome.get_result()
    fleet = getattr(item, "funcargs", {}).get("fleet")
    if report.failed and isinstance(fleet, Fleet) and fleet.log.exists():
        report.sections.append(("daemon log", fleet.log.read_text()[-8000:]))
