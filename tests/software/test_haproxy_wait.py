"""When ``lighthouse wait`` returns, HAProxy sends traffic to the node, or none any more."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import Backend, Fleet, get, running
from tests.waiting import eventually


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with running(tmp_path) as fleet:
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []


def test_what_is_waited_for_is_served(fleet: Fleet) -> None:
    backends = [Backend(name) for name in ("one", "two")]
    try:
        port = fleet.cluster("web")
        (fleet.nodes / "web").mkdir()
        fleet.node("web", "one", backends[0].port)
        fleet.start()
        eventually(lambda: fleet.status(), 20)
        assert fleet.lighthouse("wait", "web", "one").returncode == 0
        assert get(port) == (200, "one")
        for _ in range(3):
            fleet.node("web", "two", backends[1].port)
            assert fleet.lighthouse("wait", "web", "two").returncode == 0
            assert {get(port)[1] for _ in range(4)} == {"one", "two"}
            (fleet.nodes / "web/two.json").unlink()
            assert fleet.lighthouse("wait", "web", "two", "--absent").returncode == 0
            assert fleet.serving("web") == {("127.0.0.1", backends[0].port)}
        assert fleet.kill(signal.SIGTERM) == 0
    finally:
        for backend in backends:
            backend.close()


def test_another_clusters_fault_does_not_stand_in_the_way(fleet: Fleet) -> None:
    fleet.cluster("web")
    fleet.cluster("bad", haproxy={"backend": ["nonsense directive"]})
    fleet.node("web", "one", 80)
    fleet.start()
    eventually(lambda: fleet.worker("haproxy")["snapshot"]["outcome"] == "degraded", 20)
    assert fleet.lighthouse("wait", "web", "one").returncode == 0
    fleet.node("web", "two", 81)
    assert fleet.lighthouse("wait", "web", "two").returncode == 0
    assert ("127.0.0.1", 81) in fleet.serving("web")
    bad = fleet.lighthouse("wait", "bad", "--timeout", "0.2")
    assert bad.returncode == 1
    assert "unknown keyword" in bad.stderr
