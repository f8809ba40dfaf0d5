"""Members come and go through the socket of a real HAProxy: no reload, no failed request."""

import http.client as http_client
import random
from collections.abc import Iterator
from typing import Any

import pytest

from lighthouse.cluster import Cluster
from lighthouse.haproxy.sync import deletion
from lighthouse.node import Node, Refused, parse
from tests.backends import Backends
from tests.ports import free_ports
from tests.software.haproxy_world import Load, World, cluster, get, node, served, until_file
from tests.waiting import eventually


@pytest.fixture
def http() -> Iterator[Backends]:
    servers = Backends(8)
    yield servers
    servers.close()


def names(nodes: list[Node]) -> set[str]:
    return {str(n.port) for n in nodes}


def states(world: World, backend: str = "web") -> dict[str, tuple[str, str]]:
    """(administrative state, weight) of each server of a backend, by port."""
    rows = world.ask("show", "servers", "state", backend).splitlines()[2:]
    return {row.split()[18]: (row.split()[6], row.split()[7]) for row in rows if row.strip()}


def test_a_cluster_is_served_and_followed(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    assert world.sync(cluster("web", port, http.nodes[:2])).kind == "applied"
    assert served(port) == names(http.nodes[:2])
    worker = world.worker
    assert world.again().kind == "unchanged"
    assert world.sync(cluster("web", port, http.nodes[1:4])).kind == "applied"
    assert served(port) == names(http.nodes[1:4])
    assert world.sync(cluster("web", port, http.nodes[:1])).kind == "applied"
    assert served(port) == names(http.nodes[:1])
    assert world.worker == worker
    until_file(world, http.nodes[:1])
    assert world.plugin.status()["reloads"] == 0


def test_weights_change_and_drain(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    first, second = (n.port for n in http.nodes[:2])
    world.sync(cluster("web", port, [node(first), node(second)]))
    assert world.sync(cluster("web", port, [node(first, 0), node(second, 200)])).kind == "applied"
    assert served(port) == {str(second)}
    assert {p: weight for p, (_, weight) in states(world).items()} == {
        str(first): "0",
        str(second): "200",
    }
    world.sync(cluster("web", port, [node(first, 5), node(second, 5)]))
    assert served(port) == {str(first), str(second)}


def test_churn_under_load_fails_no_request(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:4]))
    worker = world.worker
    chance = random.Random(7)
    load = Load(port)
    try:
        for _ in range(150):
            some = chance.sample(http.nodes, chance.randint(2, 6))
            assert world.sync(cluster("web", port, some)).kind in ("applied", "unchanged")
            world.wake(0.01)
        eventually(lambda: load.done > 200, 30)
    finally:
        load.close()
    assert load.failures == []
    assert world.worker == worker
    ready = {p for p, (admin, _) in states(world).items() if admin == "0"}
    assert ready == names(some)
    assert world.plugin.status()["drift_repaired"] == 0


def test_dynamic_servers_inherit_what_the_file_says(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    lines = ["default-server check inter 100 rise 1 fall 1 maxconn 7", "option httpchk GET /"]
    world.sync(cluster("web", port, http.nodes[:1], backend=lines))
    world.sync(cluster("web", port, http.nodes[:2], backend=lines))

    def checked() -> bool:
        found = world.figures("web")
        return {(f["check_status"], f["slim"]) for f in found} == {("L7OK", "7")}

    eventually(checked, 10, "both servers are checked alike")


def test_dynamic_servers_reuse_connections(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, []))
    world.sync(cluster("web", port, http.nodes[:1]))
    connection = http_client.HTTPConnection("127.0.0.1", port, timeout=5)
    for _ in range(20):
        connection.request("GET", "/")
        assert connection.getresponse().read() == str(http.nodes[0].port).encode()
    connection.close()
    (figures,) = world.figures("web")
    assert (figures["stot"], figures["connect"]) == ("20", "1")


def test_random_balance_reaches_every_dynamic_server(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, [], backend=["balance random"]))
    world.sync(cluster("web", port, http.nodes, backend=["balance random"]))
    assert served(port, 120) == names(http.nodes)


def test_gone_servers_are_deleted_late_and_where_it_is_safe(
    world: World, http: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = free_ports(2)

    def sync(count: int) -> None:
        world.sync(
            cluster("calm", one, http.nodes[:count]),
            cluster("wild", two, http.nodes[:count], backend=["balance random"]),
        )

    sync(3)
    sync(1)
    reconciler = world.plugin._reconciler
    assert reconciler is not None
    reconciler.drift.due = 0.0
    world.wake(0)
    assert len(states(world, "calm")) == len(states(world, "wild")) == 3
    monkeypatch.setattr(deletion, "DELETE_AFTER", 0.0)
    reconciler.drift.due = 0.0
    world.wake(0)
    assert len(states(world, "calm")) == 1
    assert len(states(world, "wild")) == (1 if "2.8" in world.ask("show", "info") else 3)
    sync(3)
    assert served(one, 30) == served(two, 60) == names(http.nodes[:3])
    assert world.plugin.status()["reloads"] == 0


def test_what_others_change_is_repaired_and_counted(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:2]))
    first = f"web/local_127.0.0.1_{http.nodes[0].port}"
    second = f"web/local_127.0.0.1_{http.nodes[1].port}"
    world.ask("set", "server", first, "state", "maint")
    world.ask("set", "server", second, "addr", "127.0.0.1", "port", "1")
    world.ask("add", "server", "web/stranger", "127.0.0.1:1")
    world.ask("set", "server", "web/stranger", "state", "ready")
    reconciler = world.plugin._reconciler
    assert reconciler is not None
    reconciler.drift.due = 0.0
    world.wake(0)
    assert served(port) == names(http.nodes[:2])
    assert world.plugin.status()["drift_repaired"] == 3


def test_a_backend_that_takes_no_servers_seats_them_on_slots(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    hashed = {"backend": ["balance source"]}
    world.sync(cluster("web", port, http.nodes[:2], **hashed))
    worker = world.worker
    world.sync(cluster("web", port, http.nodes[:1], **hashed))
    assert served(port) == names(http.nodes[:1])
    for first in range(6):
        wanted = http.nodes[first : first + 2]
        assert world.sync(cluster("web", port, wanted, **hashed)).kind == "applied"
        assert served(port) <= names(wanted)
        assert {p for p, (admin, _) in states(world).items() if int(admin) & 1 == 0} == names(
            wanted
        )
    assert world.worker == worker
    until_file(world, wanted)
    world.restart_worker()
    assert world.sync(cluster("web", port, wanted, **hashed)).kind == "unchanged"
    assert world.sync(cluster("web", port, http.nodes, **hashed)).kind == "applied"
    (reason,) = world.plugin.status()["reload_reasons"]
    assert "balance source" in reason
    assert {p for p, (admin, _) in states(world).items() if int(admin) & 1 == 0} == names(
        http.nodes
    )


def test_what_must_be_the_same_on_every_host_reloads_to_grow(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    sticky = {"backend": ["cookie SRV insert"]}
    world.sync(cluster("web", port, http.nodes[:2], **sticky))
    worker = world.worker
    world.sync(cluster("web", port, http.nodes[:1], **sticky))
    world.sync(cluster("web", port, http.nodes[:2], **sticky))
    assert world.worker == worker
    assert "cookie 127.0.0.1:" in world.text
    outcome = world.sync(cluster("web", port, http.nodes[:3], **sticky))
    assert outcome.kind in ("applied", "held")
    eventually(lambda: world.wake(0.2) is None and served(port) == names(http.nodes[:3]))
    (reason,) = world.plugin.status()["reload_reasons"]
    assert "cookie" in reason


def test_nobody_knows_is_not_nobody(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    unknown = Cluster("web", [], config={"port": port}, known=False)
    world.sync(unknown)
    assert get(port)[0] == 503
    world.sync(cluster("web", port, http.nodes[:2]))
    world.restart_worker()
    assert world.sync(unknown).kind == "unchanged"
    assert served(port) == names(http.nodes[:2])
    until_file(world, http.nodes[:2])
    assert world.sync(cluster("web", port, [])).kind == "applied"
    assert get(port)[0] == 503


def test_hostile_nodes_change_nothing(world: World, http: Backends) -> None:
    (port,) = free_ports(1)
    world.sync(cluster("web", port, http.nodes[:1]))
    before = world.ask("show", "env"), world.ask("show", "backend"), world.worker
    chance = random.Random(11)
    good = {"host": "ok", "ip": "127.0.0.1", "port": http.nodes[1].port}
    evil: list[Any] = ["1.2.3.4\nlisten evil", "a;set server web/x state maint", "${HOME}", "a#b"]
    evil += [
        "'",
        '"',
        "\x00",
        "x" * 5000,
        "\ud800",
        None,
        [],
        {},
        -1,
        70000,
        1.5,
        True,
        "80",
        "\\",
    ]
    nodes = [*http.nodes[:1], parse(good)]
    for _ in range(1000):
        record = {**good, chance.choice(["host", "ip", "port", "weight"]): chance.choice(evil)}
        try:
            found = parse(record)
        except Refused:
            continue
        if found.key not in {n.key for n in nodes}:
            nodes.append(found)
    assert world.sync(cluster("web", port, nodes)).kind == "applied"
    assert served(port) == names(http.nodes[:2])
    assert (world.ask("show", "env"), world.ask("show", "backend"), world.worker) == before
    until_file(world, nodes)


def test_ipv6_members(world: World) -> None:
    (port,) = free_ports(1)
    six = [Node("six", "2001:db8::1", 80), Node("one", "::1", 81)]
    world.sync(cluster("web", port, six[:1]))
    assert world.sync(cluster("web", port, six)).kind == "applied"
    world.restart_worker()
    assert world.sync(cluster("web", port, six)).kind == "unchanged"
