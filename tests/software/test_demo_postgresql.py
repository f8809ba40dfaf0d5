"""The demonstration of databases does what it promises."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.needs("postgresql", "pgbouncer")
def test_the_demonstration_ends_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lighthouse.commands", "demo-postgresql"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "0 errors, a wait of" in done.stdout
    assert "not followed by PgBouncer nor by a standby" in done.stdout
