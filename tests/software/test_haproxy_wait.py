"""When ``lighthouse wait`` returns, HAProxy sends traffic to the node, or none any more."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, get, running
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
        for _ in range(2):
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


def test_what_a_section_withholds_is_explained_and_never_present(fleet: Fleet) -> None:
    """Nodes in maintenance, drained, and the cluster's own front end get nothing new."""
    backend = Backend("one")
    try:
        port = fleet.cluster("web", haproxy={"maintenance": ["two"], "drain": ["127.0.0.3"]})
        ports = {"one": backend.port, "two": backend.port, "three": backend.port, "loop": port}
        ips = {"two": "127.0.0.2", "three": "127.0.0.3"}
        for name, number in ports.items():
            fleet.node("web", name, number, ips.get(name, "127.0.0.1"))
        fleet.start()
        eventually(lambda: fleet.status(), 20)
        assert fleet.lighthouse("wait", "web", "one").returncode == 0
        assert fleet.serving("web") == {
            ("127.0.0.1", backend.port),
            ("127.0.0.3", backend.port),
        }
        said = fleet.lighthouse("explain", "web").stdout
        assert f"two:{backend.port} (127.0.0.2:{backend.port}): out: in maintenance" in said
        assert "in, weight 0: drained by clusters/web.yaml" in said
        assert "balancer haproxy gives it no traffic: it is in maintenance by clusters" in said
        assert "balancer haproxy gives it no new sessions: it is drained by clusters" in said
        assert f"loop:{port} (127.0.0.1:{port}): out: this host's own front end" in said
        for name, why in (("two", "in maintenance by"), ("three", "drained by"), ("loop", "own")):
            present = fleet.lighthouse("wait", "web", name, "--timeout", "0.1")
            assert present.returncode == 1
            assert "balancer haproxy: gives it no" in present.stderr
            assert why in present.stderr
        for name, code in (("two", 0), ("three", 1), ("loop", 0), ("one", 1)):
            absent = fleet.lighthouse("wait", "web", name, "--absent", "--timeout", "0.1")
            assert absent.returncode == code, (name, absent.stderr)
        assert "own front end" in fleet.lighthouse("status").stdout
        assert get(port) == (200, "one")
        fleet.cluster("web")
        fleet.reload()
        for name in ("two", "three"):
            assert fleet.lighthouse("wait", "web", name).returncode == 0
    finally:
        backend.close()


def test_nodes_that_share_host_name_and_port_are_told_apart_by_their_addresses(
    fleet: Fleet,
) -> None:
    """As containers do."""
    backend = Backend("box")
    try:
        fleet.cluster("web", haproxy={"maintenance": [f"127.0.0.2:{backend.port}"]})
        for ip in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            fleet.node("web", ip, backend.port, ip, host="box")
        fleet.start()
        eventually(lambda: fleet.status(), 20)
        for ip, code in (("127.0.0.1", 0), ("127.0.0.2", 1), ("127.0.0.3", 0)):
            place = f"{ip}:{backend.port}"
            within = "0.1" if code else "10"
            found = fleet.lighthouse("wait", "web", place, "--timeout", within)
            assert found.returncode == code, found.stderr
            said = fleet.lighthouse("explain", "web", place).stdout
            assert f"box:{backend.port} ({place}): {'out' if code else 'in'}" in said
        either = fleet.lighthouse("wait", "web", f"box:{backend.port}", "--timeout", "0.1")
        assert either.returncode == 1
        assert f"could be any of 127.0.0.1:{backend.port}, " in either.stderr
        left = fleet.lighthouse("wait", "web", "box", "--absent", "--timeout", "0.1")
        assert f"web still has 127.0.0.1:{backend.port}, " in left.stderr
        assert len(fleet.serving("web")) == 2
    finally:
        backend.close()
