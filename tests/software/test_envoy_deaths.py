"""Whoever dies, Envoy serves on: adopted, started again, replaced; and a full disk."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lighthouse.envoy.runtime import process
from lighthouse.envoy.runtime.admin import AdminSocket
from tests.backends import Backend
from tests.disk import small_disk
from tests.fleet import Traffic, get
from tests.software.envoy_world import Mesh, answers, mesh

pytestmark = pytest.mark.needs("envoy")


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend("one") as made:
        yield made


@pytest.fixture(scope="module")
def served(backend: Backend) -> Iterator[Mesh]:
    with mesh() as made:
        made.cluster("web", backend.node())
        made.sync()
        yield made


def ready(world: Mesh) -> int:
    """Have the cluster served, whatever the test before has left; its port."""
    world.until(lambda: world.sync().kind in ("applied", "unchanged"))
    return world.ports["web"]


def test_another_worker_adopts_it_as_it_is(served: Mesh) -> None:
    port, pid = ready(served), served.pid
    written = {p: p.stat().st_mtime_ns for p in served.directory.rglob("*.json")}
    served.again()
    assert served.sync().kind == "unchanged"
    assert served.plugin.status()["starts"] == 0
    assert served.pid == pid
    assert {p: p.stat().st_mtime_ns for p in served.directory.rglob("*.json")} == written
    assert get(port) == (200, "one")


def test_it_is_started_again_when_it_dies(served: Mesh) -> None:
    port, pid = ready(served), served.pid
    os.kill(pid, signal.SIGKILL)
    served.until(lambda: served.pid != pid)
    answers(port, "one")
    assert len(served.pids) == 1


def test_one_that_is_stopped_is_told_to_go_on(served: Mesh) -> None:
    port, pid = ready(served), served.pid
    os.kill(pid, signal.SIGSTOP)
    served.again()
    try:
        served.until(lambda: served.sync().kind == "unchanged")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert get(port) == (200, "one")
    assert served.pid == pid


def test_one_that_cannot_be_asked_hands_over(served: Mesh) -> None:
    port, pid = ready(served), served.pid
    reconciler = served.plugin._reconciler
    assert reconciler is not None
    os.unlink(served.settings.admin)
    with Traffic(port) as traffic:
        reconciler._look_at = 0.0
        served.until(lambda: served.pid != pid)
        assert served.sync().kind == "unchanged"
    assert traffic.failures == []


def test_another_bootstrap_and_another_binary_are_taken_over_to(
    served: Mesh, tmp_path: Path
) -> None:
    port, pid = ready(served), served.pid
    with Traffic(port) as traffic:
        served.plugin.close()
        served.again(bootstrap={"stats_config": {"use_all_default_tags": False}})
        assert served.sync().kind == "applied"
        second = served.pid
        assert second != pid
        served.plugin.close()
        served.again(bootstrap={"no_such_field": 1})
        outcome = served.sync()
        assert outcome.kind == "degraded"
        assert "no_such_field" in outcome.reason
        assert served.pid == second
        served.plugin.close()
        binary = tmp_path / "envoy"
        shutil.copy(process.find_binary(None), binary)
        served.again(bootstrap={}, envoy_bin=str(binary))
        assert served.sync().kind == "applied"
        assert served.pid != second
        assert get(port) == (200, "one")
    assert traffic.requests > 10
    assert traffic.failures == []


def test_nobody_elses_envoy_is_touched(served: Mesh, tmp_path: Path) -> None:
    ready(served)
    pid = served.pid
    with mesh(tmp_path / "other") as other:
        (tmp_path / "other").mkdir()
        os.symlink(served.settings.admin, other.settings.admin)
        other.cluster("web", known=True)
        outcome = other.sync()
        assert outcome.kind == "failed"
        assert f"(pid {pid}) was not started on" in outcome.reason
        os.unlink(other.settings.admin)
    assert served.pid == pid


def test_a_directory_that_is_swept_away_is_made_again(served: Mesh) -> None:
    port = ready(served)
    with Traffic(port) as traffic:
        shutil.rmtree(served.directory)
        served.again()
        served.until(lambda: served.sync().kind in ("applied", "unchanged"))
        assert AdminSocket(served.settings.admin).members().keys() == {"web"}
    assert traffic.failures == []


def test_a_full_disk_keeps_what_is_served(tmp_path: Path, backend: Backend) -> None:
    with small_disk(tmp_path / "small", "512k") as place, mesh(place / "envoy") as world:
        port = world.cluster("web", backend.node())
        assert world.sync().kind in ("applied", "unchanged")
        pid = world.pid
        with Traffic(port) as traffic:
            with pytest.raises(OSError, match="No space"):
                (place / "filler").write_bytes(b"x" * 2**20)
            new = world.cluster("new", backend.node())
            world.cluster("web", backend.node(), backend.node(host="x"))
            outcome = world.sync()
            assert outcome.kind == "failed"
            assert outcome.reason.startswith(str(place / "envoy"))
            assert "No space left on device" in outcome.reason
            assert get(port) == (200, "one")
            (place / "filler").unlink()
            assert world.sync().kind == "applied"
            assert get(new) == (200, "one")
        assert traffic.failures == []
        assert world.pid == pid


def test_a_start_that_fails_says_why_and_is_not_tried_without_end(
    tmp_path: Path, backend: Backend
) -> None:
    with mesh(tmp_path / "envoy", bootstrap={"no_such_field": 1}) as world:
        world.cluster("web", backend.node())
        began = time.monotonic()
        outcome = world.sync()
        assert (outcome.kind, "no_such_field" in outcome.reason) == ("failed", True)
        assert time.monotonic() - began < 5
        world.plugin.close()
        world.again(bootstrap={}, envoy_bin="/nowhere/envoy")
        assert "is not an executable file" in world.sync().reason
        world.config.pop("envoy_bin")
        world.again()
        assert world.sync().kind in ("applied", "unchanged")
        assert get(world.ports["web"]) == (200, "one")
