"""Whatever nodes say of themselves, HAProxy sees the servers that they are, and nothing else."""

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering.peers_section import standing
from lighthouse.haproxy.rendering.render import file_of, skeleton
from lighthouse.haproxy.runtime import process
from lighthouse.haproxy.runtime.server_states import read_states
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.schema.node_options import KNOWN
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.node import Node, Refused, parse
from tests.ports import free_ports
from tests.software.haproxy_world import EACH_BINARY, World, new_world
from tests.waiting import eventually

EVIL = st.sampled_from(
    [
        *("1.2.3.4\nlisten evil", "1.2.3.4;set server web/x state maint", "${HOME}", "a#b", "'"),
        *('"', "\x00", "::1%lo", "[::1]", "0x10", "10.0.0.1:80", "a b", "-a", ".", "..", "\\n"),
        *("%[env(HOME)]", "fd@0", "abns@x", "/run/x.sock", "x <<", "", "disabled", "\u0661"),
    ]
)
WILD = EVIL | st.text(max_size=40) | st.integers() | st.none() | st.booleans() | st.floats()
OPTION = (
    WILD
    | st.integers(0, 3000)
    | st.from_regex(r"[0-9]{1,10}(us|ms|s|m|h|d)?", fullmatch=True)
    | st.sampled_from(["layer4", "layer7", "mark-down", "fail-check", "fastinter", "a.test"])
    | st.sampled_from(["sudden-death", "shutdown-sessions", "shutdown-backup-sessions"])
)
IPS = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}[A-Za-z0-9]", fullmatch=True)
RECORDS = st.fixed_dictionaries(
    {"ip": IPS | EVIL, "port": st.integers(1, 65535) | WILD},
    optional={
        "host": NAMES | WILD,
        "weight": st.integers(0, 256) | WILD,
        "metadata": st.dictionaries(st.sampled_from(sorted(KNOWN)), OPTION, max_size=6) | WILD,
        "peer": st.fixed_dictionaries({"name": NAMES | EVIL, "ip": IPS | EVIL}) | WILD,
    },
)
SECTION = {"backend": ["stick-table type ip size 1k peers web"], "node_options": sorted(KNOWN)}
MODES = ("http", "tcp")


@pytest.fixture(params=EACH_BINARY, scope="module")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One HAProxy for all examples; its file has peers, its members come by the socket."""
    with new_world(request.param) as found:
        found.extra = {"peers": {"port": free_ports(1)[0], "name": "here", "hold": 3600}}
        assert sync(found, ()).kind == "applied"
        yield found


def clusters(world: World, nodes: tuple[Node, ...]) -> list[Cluster]:
    ports = world.__dict__.setdefault("ports", free_ports(len(MODES)))
    return [
        Cluster(
            mode,
            [*nodes],
            {**SECTION, "port": port, "backend": [f"mode {mode}", *SECTION["backend"]]},
        )
        for mode, port in zip(MODES, ports, strict=True)
    ]


def sync(world: World, nodes: tuple[Node, ...]) -> Any:
    return world.sync(*clusters(world, nodes))


def parsed(records: list[dict[str, Any]]) -> tuple[Node, ...]:
    """The nodes that pass, each address once, as a discovery method's worker hands them on."""
    found = {}
    for record in records:
        try:
            node = parse(record)
        except Refused:
            continue
        found[node.key] = node
    return tuple(found[key] for key in sorted(found))


def running(world: World) -> dict[str, list[tuple[str, int, int]]]:
    """The servers that HAProxy gives traffic, by backend."""
    states = read_states(world.ask("show", "servers", "state"))
    return {
        mode: sorted(
            (str(ipaddress.ip_address(there.ip)), there.port, there.weight)
            for there in states.get(mode, {}).values()
            if there.state == "ready"
        )
        for mode in MODES
    }


def around(world: World) -> tuple[list[str], str, int]:
    """What no node may change; HAProxy's own variables grow with each reload."""
    rows = world.ask("show", "env").splitlines()
    given = sorted(row for row in rows if not row.startswith("HAPROXY_"))
    return given, world.ask("show", "backend"), world.worker


EXAMPLES = settings(
    max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
)


@EXAMPLES
@given(records=st.lists(RECORDS, min_size=25, max_size=60))
def test_commands_make_the_servers_of_the_nodes_and_nothing_else(
    world: World, records: list[dict[str, Any]]
) -> None:
    nodes = parsed(records)
    before = around(world)
    outcome = sync(world, nodes)
    assert outcome.kind in ("applied", "unchanged"), outcome
    wanted = sorted((node.ip, node.port, node.weight) for node in nodes)
    assert running(world) == dict.fromkeys(MODES, wanted)
    assert around(world) == before


@EXAMPLES
@given(records=st.lists(RECORDS, min_size=25, max_size=60))
def test_haproxy_takes_the_file_of_the_nodes(world: World, records: list[dict[str, Any]]) -> None:
    nodes = parsed(records)
    members = WantedClusters(parse_settings(world.config))
    members.take(clusters(world, nodes))
    frame = skeleton(members._settings, list(members.stanzas.values()), members.peers(), "here")
    text = file_of(members.fill(frame, {})).decode()
    verdict = process.check(world.binary, text)
    assert verdict.valid, verdict.alerts
    names = {peer.name for peer in standing(text)}
    assert names == {"here", *(node.peer.name for node in nodes if node.peer)}


def test_the_file_of_hostile_nodes_loads_the_same_servers(world: World) -> None:
    """After all that: what a restart would load is what runs."""
    evil: list[Any] = ["9999999999d", "a\nb", -1, "${HOME}", "layer7", True, 10**9, "5s"]
    records = [
        {"ip": f"10.1.{n}.{m}", "port": 80, "host": f"n{n}", "weight": m, "metadata": {key: value}}
        for n, key in enumerate(sorted(KNOWN))
        for m, value in enumerate(evil, 1)
    ]
    nodes = parsed(records)
    assert len(nodes) > 100
    before = around(world)
    assert sync(world, nodes).kind == "applied"
    wanted = running(world)
    assert len(wanted["http"]) == len(nodes)
    assert around(world) == before
    world.plugin.close()
    process.reload(parse_settings(world.config).master)
    eventually(lambda: world.worker != before[2], 10)
    assert running(world) == wanted
    assert around(world)[:2] == before[:2]
    assert sync(world, nodes).kind == "unchanged"
