"""Weight 0, a node's own or by the loss of its source: no new sessions, others go on."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.fleet import Fleet, get, running
from tests.waiting import eventually


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    servers = [Backend(name) for name in ("old", "new")]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A running daemon whose cluster ``web`` is plain TCP and has no node yet."""
    with running(tmp_path) as fleet:
        fleet.cluster(
            "web",
            on_source_loss={"drain": {"after": 0.5}},
            haproxy={"backend": ["mode tcp"], "frontend": ["mode tcp"]},
        )
        files = {"plugin": "file", "path": str(fleet.nodes), "poll": 0.2}
        fleet.write("discovery/files.yaml", files)
        (fleet.nodes / "web").mkdir()
        fleet.start()
        eventually(lambda: fleet.serving("web") == set(), 30)
        yield fleet
        fleet.close()
        assert fleet.leftovers() == []


def answers(fleet: Fleet, count: int = 20) -> set[str]:
    """Who answers so many new connections."""
    return {get(fleet.ports["web"])[1] for _ in range(count)}


def weight(fleet: Fleet, backend: Backend) -> int | None:
    for row in fleet.command("show servers state web").splitlines()[2:]:
        fields = row.split()
        if len(fields) > 18 and int(fields[18]) == backend.port and int(fields[6]) & 0x23 == 0:
            return int(fields[7])
    return None


def test_weight_zero_drains_and_a_lost_source_too(fleet: Fleet, backends: list[Backend]) -> None:
    old, new = backends
    fleet.node("web", "old", old.port)
    eventually(lambda: weight(fleet, old) == 1)
    pids = fleet.haproxy_pids()
    session = http.client.HTTPConnection("127.0.0.1", fleet.ports["web"], timeout=10)

    def asks() -> str:
        session.request("GET", "/")
        return session.getresponse().read().decode()

    assert asks() == "old"
    # one that comes with weight 0 gets nothing until its weight is another
    fleet.node("web", "new", new.port, weight=0)
    eventually(lambda: weight(fleet, new) == 0)
    assert answers(fleet) == {"old"}
    fleet.node("web", "new", new.port, weight=5)
    eventually(lambda: weight(fleet, new) == 5)
    assert answers(fleet) == {"old", "new"}
    # one whose weight becomes 0 keeps the session that it has, and gets no other
    fleet.node("web", "old", old.port, weight=0)
    eventually(lambda: weight(fleet, old) == 0)
    assert answers(fleet) == {"new"}
    assert asks() == "old"
    # without the source nobody gets new sessions; those that are there go on
    fleet.nodes.rename(fleet.root / "away")
    eventually(lambda: weight(fleet, new) == 0)
    assert asks() == "old"
    with pytest.raises((OSError, http.client.HTTPException)):
        get(fleet.ports["web"])
    (fleet.root / "away").rename(fleet.nodes)
    eventually(lambda: weight(fleet, new) == 5)
    assert answers(fleet) == {"new"}
    assert asks() == "old"
    session.close()
    assert fleet.haproxy_pids() == pids
