"""HAProxys that share a table: it outlives reloads, and peers that come and go cost next to
nothing."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

from lighthouse.cluster import Cluster
from lighthouse.node import Node
from lighthouse.peer import Peer
from lighthouse.schema import Invalid
from tests.backends import Backend, serving
from tests.ports import free_ports
from tests.software.haproxy_sites import ask
from tests.software.haproxy_world import EACH_BINARY, World, cluster, new_world
from tests.waiting import eventually

TABLE = [
    "mode http",
    "stick-table type string len 32 size 1k expire 1h peers web",
    "stick on path",
]


@pytest.fixture(params=EACH_BINARY)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[World, World]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(new_world(request.param)),
            stack.enter_context(new_world(request.param)),
        )


def settle(world: World, name: str, port: int, **more: Any) -> Peer:
    """Make this host a peer of that name."""
    peers = {"name": name, "port": port, "address": "127.0.0.1", "hold": 0.5, **more}
    world.extra = {"peers": peers}
    return Peer(name, "127.0.0.1", port)


def by(peer: Peer, site: Backend) -> Node:
    return msgspec.structs.replace(site.node(), peer=peer)


def table(world: World) -> set[str]:
    rows = world.ask("show", "table", "web").splitlines()[1:]
    return {
        word.removeprefix("key=")
        for row in rows
        for word in row.split()
        if word.startswith("key=")
    }


def reasons(world: World) -> list[str]:
    found: list[str] = world.plugin.status()["reload_reasons"]
    return found


@pytest.mark.slow
def test_a_table_is_shared_and_outlives_what_peers_do(pair: tuple[World, World]) -> None:
    here, there = pair
    one, two, three, four, five = free_ports(5)
    with serving(2) as (first, second):
        a, b = settle(here, "a", three), settle(there, "b", four)
        nodes = [by(a, first), by(b, second)]
        for world, port in ((here, one), (there, two)):
            outcome = world.sync(cluster("web", port, nodes, backend=TABLE))
            assert (outcome.kind, outcome.reason) == ("applied", "")
            assert "peers web" not in world.text
        stuck = {f"/{n}": str(ask(one, f"/{n}")) for n in range(12)}
        assert set(stuck.values()) == {first.name, second.name}
        eventually(lambda: table(there) == set(stuck), 10, "the table is with the other peer")
        assert {path: str(ask(two, path)) for path in stuck} == stuck
        c = Peer("c", "127.0.0.1", five)
        joined = cluster("web", one, [by(a, first), by(c, second)], backend=TABLE)
        here.sync(joined)

        def reloaded() -> bool:
            here.wake(0.5)
            return reasons(here) == ["peers: +c"]

        eventually(reloaded, 40, "one reload for the new peer")
        eventually(lambda: table(here) == set(stuck), 10, "the table outlives the reload")
        assert {path: str(ask(one, path)) for path in stuck} == stuck
        worker = here.worker
        here.sync(cluster("web", one, [by(a, first), second.node()], backend=TABLE))
        for _ in range(8):
            here.wake(0.2)
        assert here.worker == worker, "a peer that leaves costs no reload"
        assert here.plugin.status()["reloads"] == 1
        here.restart_worker()
        assert here.sync(*here.clusters).kind == "unchanged"


def test_a_peers_section_of_the_operators_own_stays_theirs(pair: tuple[World, World]) -> None:
    world, _ = pair
    port, own = free_ports(2)
    peer = settle(world, "a", own)
    world.extra["global"] = ["localpeer a"]
    world.extra["extra_sections"] = {"peers mine": [f"peer a 127.0.0.1:{own}"]}
    lines = ["mode http", "stick-table type ip size 1k peers mine"]
    with serving(1) as (site,):
        outcome = world.sync(cluster("web", port, [by(peer, site)], backend=lines))
        assert (outcome.kind, outcome.reason) == ("applied", "")
        assert ask(port) == site.name
        assert world.text.count("\npeers ") == 1
    world.extra["extra_sections"] = {"peers lighthouse": [f"peer a 127.0.0.1:{own}"]}
    with pytest.raises(Invalid, match="give yours another name"):
        world.sync()


def test_nobody_else_can_say_where_this_host_listens(pair: tuple[World, World]) -> None:
    """Any node may carry our name as that of its peer, with an address that is not ours."""
    world, _ = pair
    (port,) = free_ports(1)
    settle(world, "a", free_ports(1)[0])
    del world.extra["peers"]["address"]
    with serving(1) as (site,):
        liar = by(Peer("a", "203.0.113.9", 1024), site)
        outcome = world.sync(cluster("web", port, [liar], backend=TABLE))
        assert (outcome.kind, outcome.reason) == ("applied", "")
        assert ask(port) == site.name
        assert "203.0.113.9" not in world.text


def test_a_taken_port_of_peers_pauses_nobody(pair: tuple[World, World]) -> None:
    """Trap 7 with the one listener that no bind line shows."""
    world, _ = pair
    port, other = free_ports(2)
    with serving(1) as (site,), socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        settle(world, "a", stranger.getsockname()[1])
        web: Cluster = cluster("web", port, [site.node()])
        world.sync(web)
        worker = world.worker
        outcome = world.sync(web, cluster("x", other, [], backend=TABLE))
        assert outcome.kind in ("failed", "degraded")
        assert "cannot bind" in outcome.reason
        assert world.plugin.status()["reloads"] == 0
        assert world.worker == worker
        assert ("peers", "port") in [finding.path for finding in outcome.findings]
        assert ask(port) == site.name
