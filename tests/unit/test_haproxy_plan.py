"""HAProxy: rendering, confinement, the ladder, the command grammar; all without a process."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from lighthouse.balancer import Finding
from lighthouse.cluster import Cluster
from lighthouse.haproxy.rendering.binds import Claims, Spot, spots
from lighthouse.haproxy.rendering.chunks import Chunk, origin, text_of
from lighthouse.haproxy.rendering.live import Live
from lighthouse.haproxy.rendering.readback import lives, recover
from lighthouse.haproxy.rendering.render import Skeleton, file_of, is_intact, skeleton
from lighthouse.haproxy.rendering.server import Need, ServerLine, id_of, name_of
from lighthouse.haproxy.rendering.server import roster as needed
from lighthouse.haproxy.rendering.stanza import Stanza, build
from lighthouse.haproxy.runtime.changes import succeeded
from lighthouse.haproxy.runtime.process import FileVerdict
from lighthouse.haproxy.runtime.server_states import read_states
from lighthouse.haproxy.runtime.socket import Forbidden, line
from lighthouse.haproxy.schema.balancer import HAProxySettings, parse_settings
from lighthouse.haproxy.schema.cluster import parse_section
from lighthouse.haproxy.sync.allotment import allot
from lighthouse.haproxy.sync.candidate import CandidateRefused, blame, confine
from lighthouse.haproxy.sync.deletion import deletable
from lighthouse.haproxy.sync.diff import climb, excuse
from lighthouse.haproxy.sync.wanted import WantedClusters
from lighthouse.node import Node, parse
from lighthouse.node import Refused as NodeRefused

MINIMAL: dict[str, Any] = {
    "config_file": "/etc/haproxy.cfg",
    "socket_file": "/var/run/haproxy.sock",
    "pid_file": "/var/run/haproxy.pid",
}
FULL: dict[str, Any] = {
    **MINIMAL,
    "global": ["daemon", "maxconn 4000"],
    "defaults": ["balance roundrobin", "timeout connect 10s", "no option redispatch"],
    "stats": {"port": 9009, "uri": "/haproxy", "timeouts": {"connect": 4000, "server": 30000}},
    "meta_clusters": {"api": {"port": 8080, "frontend": ["mode http"]}},
    "proxies": {
        "partner": {
            "port": 7777,
            "upstreams": [{"host": "partnerapi", "port": 88, "max_conn": 400}],
            "options": ["mode http"],
        }
    },
}


def settings(**extra: Any) -> HAProxySettings:
    return parse_settings({**MINIMAL, **extra})


def make(given: HAProxySettings, name: str, meta: str | None = None, **section: Any) -> Stanza:
    return build(given, name, parse_section(section), meta).stanza


def roster(
    nodes: Iterable[Node], options: tuple[str, ...], live: dict[str, int]
) -> dict[str, ServerLine]:
    return needed([Need(node) for node in nodes], options, False, live)


def web(options: str = "", **section: Any) -> Stanza:
    return make(settings(), "web", server_options=options, **section)


NODES = (Node("a", "10.0.0.1", 80), Node("b", "10.0.0.2", 80, weight=0))


def full_tree() -> tuple[HAProxySettings, WantedClusters]:
    given = parse_settings(FULL)
    members = WantedClusters(given)
    section = {
        "port": 8000,
        "frontend": ["option httplog"],
        "backend": ["mode http"],
        "server_options": "check",
    }
    widgets = {"acl": "path_beg /widgets", "server_options": "check"}
    members.take(
        [Cluster("web", [*NODES], section), Cluster("widgets", [], widgets, meta_cluster="api")]
    )
    return given, members


def test_what_is_on_disk_can_be_read_back() -> None:
    given, members = full_tree()
    frame = skeleton(given, list(members.stanzas.values()))
    text = text_of(members.fill(frame, {}))
    assert recover(text) == members.stanzas
    read = lives(text)
    assert {name: set(servers) for name, servers in read.items()} == {
        "web": set(members.servers(members.stanzas["web"], {})),
        "widgets": set(),
    }
    assert read["web"]["b_10.0.0.2_80"].weight == 0


def numbered(nodes: Iterable[Node], live: dict[str, int] | None = None) -> dict[str, int]:
    return {name: server.id for name, server in roster(nodes, (), live or {}).items()}


def test_no_two_servers_share_places_on_the_ring() -> None:
    """HAProxy hashes 20 bits of an id, and among 1,000 nodes two would often be alike."""
    nodes = [Node("h", f"10.0.{n // 250}.{n % 250 + 1}", 80) for n in range(3000)]
    found = numbered(nodes)
    assert len({number % 2**20 for number in found.values()}) == len(nodes)
    assert all(1 <= number <= 2**20 for number in found.values())
    assert numbered(reversed(nodes)) == found
    fewer = numbered(nodes[::2])
    moved = [name for name in fewer if fewer[name] != found[name]]
    assert len(moved) <= 5, "but for those who stood aside"


def test_an_id_that_runs_is_kept_and_nobody_takes_its_place() -> None:
    (name, other) = (name_of("h", f"10.0.0.{n}", 80) for n in (1, 2))
    nodes = [Node("h", f"10.0.0.{n}", 80) for n in (1, 2)]
    free = id_of(other)
    assert numbered(nodes, {name: free}) == {name: free, other: free % 2**20 + 1}
    assert numbered(nodes, {"gone": free + 2**20})[other] == free % 2**20 + 1
    assert numbered(nodes, {"own": 2**20, other: free})[other] == free


def test_an_id_of_an_earlier_version_is_given_up_by_a_reload_and_serves_until_then() -> None:
    stanza = web()
    name = name_of("a", "10.0.0.1", 80)
    live = {name: Live(2**30, "10.0.0.1", 80, 1, "maint")}
    wanted = roster(NODES[:1], (), {name: 2**30})
    assert wanted[name].id == id_of(name)
    way = climb(stanza, wanted, live)
    assert "runs with another id" in way.reload
    assert [(step.rung, step.after.id) for step in way.gain] == [("state", 2**30)]


def test_nodes_that_share_host_name_and_port_have_cookies_of_their_own() -> None:
    """As containers do; and the cookie of an address is the same on every host."""
    nodes = [Node("box", f"10.0.0.{n}", 80) for n in (1, 2)] + [Node("six", "fd00::1", 80)]
    servers = needed([Need(node) for node in nodes], (), True, {}).values()
    assert sorted(server.cookie for server in servers) == [
        "10.0.0.1:80",
        "10.0.0.2:80",
        "[fd00::1]:80",
    ]
    assert all(server.line().endswith(f" cookie {server.cookie}\n") for server in servers)


def test_a_hand_edit_is_known_by_the_sum() -> None:
    content = file_of([Chunk("", "global\n    maxconn 5\n")])
    assert is_intact(content)
    for edited in (content.replace(b"5", b"6"), content[:-3], b"global\n", b"", content + b"#\n"):
        assert not is_intact(edited)


def test_members_are_no_part_of_the_generation_but_their_options_are() -> None:
    given = settings()
    assert skeleton(given, [web()]) == skeleton(given, [web()])
    assert skeleton(given, [web()]).generation != skeleton(given, [web("check")]).generation
    other = skeleton(settings(stats={"port": 1}), [web()])
    assert skeleton(given, [web()]).generation != other.generation


def test_the_operators_own_socket_line_stands_once() -> None:
    given = settings(
        **{"global": ["stats socket /var/run/haproxy.sock level user", "stats timeout 5s"]}
    )
    text = text_of(skeleton(given, []).head)
    assert text.count("stats socket") == 1
    assert text.count("stats timeout") == 1


def test_lines_have_owners_and_places() -> None:
    chunks = [
        Chunk("", "a\nb\n", (("global", 0), ("global", 1))),
        Chunk("web", "c\n    server s\n", (("backend", 0),)),
        Chunk("api", "d\n", ((),)),
    ]
    assert [origin(chunks, n) for n in range(1, 7)] == [
        ("", ("global", 0)),
        ("", ("global", 1)),
        ("web", ("backend", 0)),
        ("web", ("server_options",)),
        ("api", ()),
        ("", ()),
    ]


def test_an_address_or_name_belongs_to_the_first() -> None:
    given = settings(
        bind_address="127.0.0.1",
        stats={"port": 9000},
        proxies={"taken": {"port": 9001}},
        extra_sections={"listen admin :9003": [], "userlist people": []},
    )
    sections: dict[str, dict[str, Any]] = {
        "a": {"port": 80},
        "admin": {"port": 82},
        "b": {"port": 80},
        "c": {"port": 9000},
        "d": {"bind": "10.0.0.1:80"},
        "e": {"bind": [":80", "/run/x.sock"]},
        "f": {"bind": "/run/y.sock mode 600"},
        "g": {"frontend": ["bind unix@/run/y.sock"]},
        "h": {"port": 9003},
        "people": {"port": 83},
        "taken": {"port": 81},
    }
    stanzas = {n: make(given, n, **section) for n, section in sections.items()}
    kept, faults = allot(given, skeleton(given, []).head, stanzas)
    assert set(kept) == {"a", "d", "f", "people"}
    assert faults["b"] == Finding(("port",), "port 80 belongs to cluster a", "b")
    assert "balancer's file" in faults["c"].message
    assert "cluster a" in faults["e"].message
    assert faults["g"] == Finding(("bind",), "/run/y.sock belongs to cluster f", "g")
    assert "balancer's file" in faults["h"].message
    assert "same name" in faults["taken"].message
    assert "same name" in faults["admin"].message


def test_a_member_needs_a_meta_cluster_and_a_way_to_it() -> None:
    given = settings(meta_clusters={"api": {"port": 8080}})
    stanzas = {
        "lost": make(given, "lost", "nowhere", acl="path_beg /"),
        "mute": make(given, "mute", "api"),
        "own": make(given, "own", "api", port=81),
        "well": make(given, "well", "api", paths=["/x"]),
    }
    kept, faults = allot(given, (), stanzas)
    assert set(kept) == set(stanzas)
    assert set(faults) == {"lost", "mute"}
    assert "nowhere" in faults["lost"].message
    assert "acl" in faults["mute"].message


CHUNKS = [
    Chunk("", "global\n x\n", ((), ("global", 0))),
    Chunk("web", "backend web\n zork\n", ((), ("backend", 0))),
    Chunk("api", "b\n", ((),)),
]


@pytest.mark.parametrize(
    ("alert", "finding"),
    [
        (
            "[ALERT]  (1) : config : parsing [/dev/stdin:4] : unknown keyword 'zork'",
            Finding(("backend", 0), "unknown keyword 'zork'", "web"),
        ),
        (
            "[ALERT]  (1) : config : [/dev/stdin:5] : 'server api/x' : bad",
            Finding((), "'server api/x' : bad (in: b)", "api"),
        ),
        (
            "[ALERT]  (1) : config : parsing [/dev/stdin:2] : unknown keyword 'x'",
            Finding(("global", 0), "unknown keyword 'x'"),
        ),
        (
            "[ALERT]  (1) : config : backend 'web' has no mode",
            Finding((), "backend 'web' has no mode", "web"),
        ),
        (
            "[ALERT]  (1) : Starting frontend api: cannot bind socket for [127.0.0.1:4]",
            Finding((), "Starting frontend api: cannot bind socket for [127.0.0.1:4]", "api"),
        ),
        (
            "[ALERT] (1) : Binding [/etc/h.cfg:4] for frontend web: cannot bind socket",
            Finding(("backend", 0), "for frontend web: cannot bind socket", "web"),
        ),
        ("[ALERT]  (1) : out of memory", Finding((), "out of memory")),
    ],
)
def test_blame(alert: str, finding: Finding) -> None:
    summary = "[ALERT] (1) : Error(s) found in configuration file"
    assert blame([alert, summary], CHUNKS) == (finding,)


def judged(*bad: str) -> Any:
    """A judge that refuses stanzas with any of these words, at their place."""

    def judge(chunks: tuple[Chunk, ...]) -> tuple[FileVerdict, tuple[Finding, ...]]:
        lines = text_of(chunks).splitlines()
        alerts = tuple(
            f"[ALERT] (1) : config : parsing [/dev/stdin:{number}] : {word}"
            for number, text in enumerate(lines, 1)
            for word in bad
            if word in text
        )
        return FileVerdict(not alerts, alerts), ()

    return judge


def framed(given: HAProxySettings) -> Any:
    return lambda stanzas: skeleton(given, list(stanzas.values()))


def fill(frame: Skeleton) -> tuple[Chunk, ...]:
    return (*frame.head, *[Chunk(s.cluster, s.text) for s in frame.stanzas])


def test_a_faulty_cluster_is_confined_to_itself() -> None:
    given = settings()
    good = {n: make(given, n, backend=["mode http"]) for n in ("a", "b", "c")}
    bad = make(given, "b", backend=["zork"])
    found = confine({**good, "b": bad}, {}, framed(given), fill, judged("zork"))
    assert [s.cluster for s in found.skeleton.stanzas] == ["a", "c"]
    assert "zork" in found.refused["b"][0].message
    kept = confine({**good, "b": bad}, good, framed(given), fill, judged("zork"))
    assert kept.skeleton.stanzas == tuple(good.values())
    assert set(kept.refused) == {"b"}


def test_a_last_good_stanza_that_is_no_longer_good_is_left_out() -> None:
    given = settings()
    before = {"b": make(given, "b", backend=["zonk"])}
    wanted = {"b": make(given, "b", backend=["zork"]), "c": make(given, "c")}
    found = confine(wanted, before, framed(given), fill, judged("zork", "zonk"))
    assert [s.cluster for s in found.skeleton.stanzas] == ["c"]


def test_nothing_that_serves_is_given_up_for_what_has_gone_wrong_with_it() -> None:
    given = settings()
    before = {"b": make(given, "b", backend=["zonk"])}
    for wanted in (before["b"], make(given, "b", backend=["zork"])):
        use = {"b": wanted, "c": make(given, "c")}
        with pytest.raises(CandidateRefused, match="zonk") as caught:
            confine(use, before, framed(given), fill, judged("zork", "zonk"), {"b"})
        assert {finding.cluster for finding in caught.value.findings} == {"b"}


def test_who_listens_already_goes_before_who_would_like_to() -> None:
    given = settings()
    standing = {n: make(given, n, port=p) for n, p in (("b", 80), ("c", 81))}
    wanted = {
        "a": make(given, "a", port=80),
        "b": standing["b"],
        "c": make(given, "c", port=80),
    }
    kept, faults = allot(given, (), wanted, standing)
    assert kept == standing
    assert {name: fault.message for name, fault in faults.items()} == {
        "a": "port 80 belongs to cluster b",
        "c": "port 80 belongs to cluster b",
    }


def test_a_fault_of_the_settings_is_nobody_elses() -> None:
    given = settings(defaults=["zork"])
    with pytest.raises(CandidateRefused, match="zork"):
        confine({"a": make(given, "a")}, {}, framed(given), fill, judged("zork"))


READY = Live(1, "10.0.0.1", 80, 1)
A, B = "a_10.0.0.1_80", "b_10.0.0.2_80"


def commands(stanza: Stanza, nodes: tuple[Node, ...], live: dict[str, Live]) -> list[str]:
    way = climb(
        stanza, roster(nodes, stanza.facts.options, {n: s.id for n, s in live.items()}), live
    )
    steps = (*way.gain, *way.lose)
    return [" ".join(command) for step in steps for command in step.commands]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({A: READY}, []),
        ({A: Live(1, "10.0.0.1", 80, 5)}, [f"set server web/{A} weight 1"]),
        ({A: Live(1, "10.0.0.9", 81, 1)}, [f"set server web/{A} addr 10.0.0.1 port 80"]),
        ({A: Live(1, "10.0.0.1", 80, 1, "maint")}, [f"set server web/{A} state ready"]),
        ({A: Live(1, "10.0.0.1", 80, 1, "drain")}, [f"set server web/{A} state ready"]),
        ({A: READY, "x": READY}, ["set server web/x state maint"]),
        ({A: READY, "x": Live(2, "", 0, 1, "maint")}, []),
    ],
)
def test_rungs(live: dict[str, Live], expected: list[str]) -> None:
    assert commands(web(), NODES[:1], live) == expected


def test_new_servers_come_first_and_spell_everything_out() -> None:
    found = commands(web("check inter 2s"), NODES[:1], {"x": READY})
    number = roster(NODES[:1], (), {})[A].id
    assert found == [
        f"add server web/{A} 10.0.0.1:80 id {number} weight 1"
        " pool-purge-delay 5s pool-max-conn -1 check inter 2s",
        f"enable health web/{A}",
        f"set server web/{A} state ready",
        "set server web/x state maint",
    ]
    assert not any(word in ("enabled", "disabled") for text in found for word in text.split())


def test_a_backend_that_only_a_reload_grows_needs_it_for_nothing_else() -> None:
    hashed = web(backend=["balance uri"])
    wanted = roster(NODES[:1], (), {A: 1})
    assert "balance uri" in climb(hashed, wanted, {}).reload
    assert not climb(hashed, wanted, {A: READY})
    gone = climb(hashed, {}, {A: READY})
    assert not gone.reload
    assert gone.lose


@pytest.mark.parametrize(
    ("there", "weight", "expected"),
    [
        (Live(1, "10.0.0.1", 80, 5, initial=5), 0, "0%"),
        (Live(1, "10.0.0.1", 80, 0, initial=5), 5, "100%"),
        (Live(1, "10.0.0.1", 80, 5, initial=5), 5, ""),
        (Live(1, "10.0.0.1", 80, 5, initial=5), 7, "reload"),
        (Live(1, "10.0.0.1", 80, 0, initial=0), 5, "reload"),
    ],
)
def test_coarse_weights(there: Live, weight: int, expected: str) -> None:
    stanza = web(backend=["balance static-rr"])
    way = climb(stanza, {"s": ServerLine("s", 1, "10.0.0.1", 80, weight)}, {"s": there})
    commands = [" ".join(c) for step in way.gain for c in step.commands]
    assert bool(way.reload) == (expected == "reload")
    if expected.endswith("%"):
        assert commands == [f"set server web/s weight {expected}"]
    else:
        assert commands == []


def test_the_operators_servers_are_left_alone() -> None:
    assert not climb(web(backend=["server fixed 10.0.0.9:80"]), {}, {"fixed": READY})


def test_what_an_agent_says_is_no_drift() -> None:
    stanza = web("agent-check agent-port 9")
    wanted = roster(NODES[:1], stanza.facts.options, {A: 1})
    drained = {A: Live(1, "10.0.0.1", 80, 50, "drain")}
    assert climb(stanza, wanted, drained)
    assert not climb(stanza, wanted, excuse(stanza, wanted, drained))


@given(
    st.sets(st.integers(1, 40)),
    st.dictionaries(st.integers(1, 40), st.sampled_from(["ready", "maint", "drain"])),
)
def test_climbing_arrives_and_stays(want: set[int], have: dict[int, str]) -> None:
    stanza = web()
    nodes = {n: Node("h", f"10.0.0.{n}", 80) for n in range(1, 41)}
    every = roster(nodes.values(), (), {})
    named = {server.ip: server for server in every.values()}
    live = {}
    for n, state in have.items():
        server = named[f"10.0.0.{n}"]
        live[server.name] = Live(server.id, server.ip, 80, 1, state)
    wanted = roster([nodes[n] for n in want], (), {n: s.id for n, s in live.items()})
    way = climb(stanza, wanted, live)
    for step in (*way.gain, *way.lose):
        live[step.server] = step.after
    assert {name for name, there in live.items() if there.state == "ready"} == set(wanted)
    assert not climb(stanza, wanted, live)


@pytest.mark.parametrize(
    ("command", "reply", "good"),
    [
        ("add server b/s 1.2.3.4:5", "New server registered.", True),
        ("add server b/s 1.2.3.4:5", "not contiguous\nNew server registered.", True),
        ("add server b/s 1.2.3.4:5", "", False),
        ("add server b/s 1.2.3.4:5", "No such backend.", False),
        ("del server b/s", "Server deleted.", True),
        ("set server b/s state ready", "", True),
        ("set server b/s state ready", "Proxy is disabled.", False),
        ("set server b/s addr 1.2.3.4 port 5", "IP changed from 'a' to 'b', ...", True),
        ("set server b/s addr 1.2.3.4 port 5", "no need to change the addr", True),
        ("set server b/s addr x", "Invalid addr format.", False),
        ("enable health b/s", "", True),
    ],
)
def test_results_are_matched_by_text(command: str, reply: str, good: bool) -> None:
    assert succeeded(tuple(command.split()), reply) is good


def test_states_are_read_by_column() -> None:
    text = (
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
        "srv_iweight srv_port\n3 web 5 a ::1 2 0 1 1 80\n3 web 6 b 10.0.0.1 0 1 0 4 81\n"
        "3 web 7 c ::10.0.0.1 2 8 1 1 82\n4 api 8 d 10.0.0.2 2 4 256 1 83\n"
    )
    assert read_states(text) == {
        "web": {
            "a": Live(5, "::1", 80, 1),
            "b": Live(6, "10.0.0.1", 81, 0, "maint", 4),
            "c": Live(7, str(ipaddress.ip_address("::10.0.0.1")), 82, 1, "drain"),
        },
        "api": {"d": Live(8, "10.0.0.2", 83, 256)},
    }


def test_deleting_is_for_where_it_does_not_crash() -> None:
    random = web(backend=["balance random(3)"])
    assert not deletable(random, (2, 6, 12))
    assert deletable(random, (2, 8))
    assert deletable(web(), (2, 6, 12))


@pytest.mark.parametrize("word", ["a;b", "a b", "a\nb", "", "a\\b", "<<", "a#b", "${X}", "'a'"])
def test_no_command_carries_a_second_one(word: str) -> None:
    with pytest.raises(Forbidden):
        line(("add", "server", word))


def test_no_command_is_longer_than_haproxy_reads() -> None:
    line(("a",) * 64)
    with pytest.raises(Forbidden):
        line(("a",) * 65)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EVIL = st.sampled_from(
    ["1.2.3.4\nlisten evil", "1.2.3.4;set server", "${HOME}", "a#b", "'", '"', "\x00", "::1%a"]
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "ip": EVIL | st.just("10.9.8.7") | JSON,
        "host": EVIL | st.text(max_size=300) | JSON,
        "port": st.integers() | EVIL | JSON,
        "weight": st.integers(-5, 300) | JSON,
        "metadata": JSON,
        "peer": JSON,
    },
)
SERVER_LINE = re.compile(
    r"    server [A-Za-z0-9][A-Za-z0-9_.-]{0,62} [0-9a-f.:\[\]]+:[0-9]+ id [0-9]+ weight [0-9]+"
    r" pool-purge-delay 5s pool-max-conn -1"
)


@settings_of_hypothesis(deadline=None)
@given(RECORDS)
def test_hostile_records_leave_only_plain_server_lines(record: dict[str, Any]) -> None:
    try:
        node = parse(record)
    except NodeRefused:
        return
    stanza = web()
    for server in roster([node], (), {}).values():
        assert SERVER_LINE.fullmatch(server.line().rstrip("\n"))
    for step in climb(stanza, roster([node], (), {}), {}).gain:
        for command in step.commands:
            assert line(command).count(b"\n") == 1


def test_membership_is_made_anew_only_where_it_changed() -> None:
    given = settings()
    members = WantedClusters(given)
    clusters = [Cluster(n, [*NODES], {"port": p}) for n, p in (("a", 1), ("b", 2), ("c", 3))]
    assert members.take(clusters) == ({"a", "b", "c"}, True)
    assert members.take(clusters) == (set(), False)
    moved = [clusters[0], Cluster("b", [*NODES[:1]], {"port": 2}), clusters[2]]
    assert members.take(moved) == ({"b"}, False)
    assert members.take(moved[:2]) == (set(), True)
    assert members.take([*moved[:2], Cluster("x", [*NODES], None)]) == (set(), False)


def test_unknown_members_are_those_that_run() -> None:
    members = WantedClusters(settings())
    members.take([Cluster("web", [], {"port": 1}, known=False)])
    live = {"web": {A: READY, "gone": Live(2, "10.0.0.5", 80, 1, "maint")}}
    assert set(members.servers(members.stanzas["web"], live)) == {A}
    assert members.servers(members.stanzas["web"], {}) == {}
    members.take([Cluster("web", [], {"port": 1})])
    assert members.servers(members.stanzas["web"], live) == {}


def test_binds_of_a_text() -> None:
    text = "frontend x\n    bind :80,127.0.0.1:81\n    bind [::1]:82 ssl\n    bind /run/x.sock\n"
    text += "    bind *:90-92\n    bind fd@3\n    bind 10.0.0.9:93 transparent\n"
    text += "    bind ipv4@example.test:94\n    bind unix@/run/y.sock mode 600\n"
    assert list(spots(text)) == [
        Spot("", 80),
        Spot("127.0.0.1", 81),
        Spot("::1", 82),
        Spot("/run/x.sock", 0),
        Spot("", 90),
        Spot("", 91),
        Spot("", 92),
        Spot("10.0.0.9", 93, trial=False),
        Spot("example.test", 94, trial=False),
        Spot("/run/y.sock", 0),
    ]


@pytest.mark.parametrize(
    ("one", "other", "clashes"),
    [
        (Spot("", 80), Spot("127.0.0.1", 80), True),
        (Spot("127.0.0.1", 80), Spot("127.0.0.2", 80), False),
        (Spot("", 80), Spot("", 81), False),
        (Spot("/a", 0), Spot("/a", 0), True),
        (Spot("/a", 0), Spot("/b", 0), False),
    ],
)
def test_spots_that_two_cannot_have(one: Spot, other: Spot, clashes: bool) -> None:
    assert Claims([one], "x").owner(other) == ("x" if clashes else None)
