"""A full disk under HAProxy's configuration."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.disk import small_disk
from tests.fleet import get, running
from tests.waiting import eventually


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    with small_disk(tmp_path / "small", "256k") as directory:
        yield directory


def test_the_old_file_stays_whole_and_membership_goes_on(tmp_path: Path, small: Path) -> None:
    backend = Backend("b")
    with running(tmp_path / "fleet") as fleet:
        fleet.cfg = small / "haproxy.cfg"
        fleet.haproxy["config_file"] = str(fleet.cfg)
        fleet.write("balancers/haproxy.yaml", fleet.haproxy)
        port = fleet.cluster("web")
        fleet.node("web", "a", backend.port)
        fleet.start()
        eventually(lambda: get(port)[0] == 200, 30)
        eventually(lambda: "127.0.0.1:" in fleet.cfg.read_text())
        old = fleet.cfg.read_text()
        with (small / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        for n in range(40):
            fleet.node("web", f"n{n}", backend.port, ip=f"127.0.4.{n + 1}")
        eventually(lambda: len(fleet.serving("web")) == 41, 30)
        eventually(lambda: fleet.worker("haproxy")["snapshot"]["outcome"] == "degraded", 30)
        assert "No space" in fleet.worker("haproxy")["reason"]
        assert fleet.cfg.read_text() == old
        (small / "filler").unlink()
        eventually(lambda: "127.0.4.40" in fleet.cfg.read_text(), 90)
        eventually(lambda: fleet.worker("haproxy")["healthy"], 90)
    backend.close()
