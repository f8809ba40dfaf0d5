"""HAProxy: rendering, confinement, the ladder, the command grammar; all without a process."""

import ipaddress
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.cluster import Cluster
from lighthouse.haproxy.binds import binds
from lighthouse.haproxy.candidate import Refused, allot, blame, confine
from lighthouse.haproxy.ladder import Live, climb, deletable, excuse, read_states, succeeded
from lighthouse.haproxy.membership import Membership
from lighthouse.haproxy.process import Verdict
from lighthouse.haproxy.recover import recover
from lighthouse.haproxy.render import Chunk, Skeleton, generation_in, owner_at, skeleton, text_of
from lighthouse.haproxy.runtime import Forbidden, line
from lighthouse.haproxy.server import roster
from lighthouse.haproxy.settings import Settings, parse_section, parse_settings
from lighthouse.haproxy.stanza import Stanza, build
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
GOLDEN = """\
defaults
    balance roundrobin
    timeout connect 10s
    no option redispatch
    timeout client 60s
    timeout server 60s
    option idle-close-on-response

listen lighthouse.stats
    bind :9009
    mode http
    stats enable
    stats uri /haproxy
    timeout connect 4000
    timeout client 60s
    timeout server 30000

frontend api
    bind :8080
    mode http
    acl is_widgets path_beg /widgets
    use_backend widgets if is_widgets

listen partner
    bind :7777
    mode http
    server partner_1 partnerapi:88 init-addr last,libc,none maxconn 400

frontend web
    bind :8000
    option httplog
    mode http
    default_backend web

backend web
    mode http
    # each server: check
    server a_10.0.0.1_80 10.0.0.1:80 id 1 weight 1 pool-purge-delay 5s pool-max-conn -1 check
    server b_10.0.0.2_80 10.0.0.2:80 id 2 weight 0 pool-purge-delay 5s pool-max-conn -1 check

backend widgets
    # each server: check

"""


def settings(**extra: Any) -> Settings:
    return parse_settings({**MINIMAL, **extra})


def make(given: Settings, name: str, meta: str | None = None, **section: Any) -> Stanza:
    return build(given, name, parse_section(section), meta)


def web(options: str = "", **section: Any) -> Stanza:
    return make(settings(), "web", server_options=options, **section)


NODES = (Node("a", "10.0.0.1", 80), Node("b", "10.0.0.2", 80, weight=0))


def full_tree() -> tuple[Settings, Membership]:
    given = parse_settings(FULL)
    members = Membership(given)
    section = {
        "port": 8000,
        "frontend": ["option httplog"],
        "backend": ["mode http"],
        "server_options": "check",
    }
    widgets = {"acl": "path_beg /widgets", "server_options": "check"}
    members.take(
        [Cluster("web", NODES, section), Cluster("widgets", (), widgets, meta_cluster="api")]
    )
    return given, members


def test_golden_file() -> None:
    given, members = full_tree()
    frame = skeleton(given, list(members.stanzas.values()))
    live = {"web": {"a_10.0.0.1_80": Live(1, "", 0, 1), "b_10.0.0.2_80": Live(2, "", 0, 1)}}
    text = text_of(members.fill(frame, live))
    head, _, rest = text.partition("\n\n")
    assert head == (
        "global\n"
        f"    setenv LIGHTHOUSE_GENERATION {frame.generation}\n"
        "    daemon\n"
        "    maxconn 4000\n"
        "    stats socket /var/run/haproxy.sock mode 600 level admin\n"
        "    hard-stop-after 30m\n"
        "    mworker-max-reloads 10\n"
        "    stats timeout 1d"
    )
    assert rest == GOLDEN
    assert generation_in(text) == frame.generation


def test_what_is_on_disk_can_be_read_back() -> None:
    given, members = full_tree()
    frame = skeleton(given, list(members.stanzas.values()))
    assert recover(given, text_of(members.fill(frame, {}))) == members.stanzas


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


def test_lines_have_owners() -> None:
    chunks = [Chunk("", "a\nb\n"), Chunk("web", "c\n"), Chunk("api", "d\ne\n")]
    assert [owner_at(chunks, n) for n in range(1, 7)] == ["", "", "web", "api", "api", ""]


def test_a_port_or_name_belongs_to_the_first() -> None:
    given = settings(stats={"port": 9000}, proxies={"taken": {"port": 9001}})
    names = ("a", "b", "c", "taken")
    ports = {"a": 80, "b": 80, "c": 9000, "taken": 81}
    kept, faults = allot(given, {n: make(given, n, port=ports[n]) for n in names})
    assert set(kept) == {"a"}
    assert "cluster a" in faults["b"]
    assert "stats" in faults["c"]
    assert "same name" in faults["taken"]


CHUNKS = [Chunk("", "global\n x\n"), Chunk("web", "backend web\n zork\n"), Chunk("api", "b\n")]


@pytest.mark.parametrize(
    ("alert", "owner"),
    [
        ("[ALERT]  (1) : config : parsing [/dev/stdin:4] : unknown keyword 'zork'", "web"),
        ("[ALERT]  (1) : config : [/dev/stdin:5] : 'server api/x' : bad", "api"),
        ("[ALERT]  (1) : config : parsing [/dev/stdin:2] : unknown keyword 'x'", ""),
        ("[ALERT]  (1) : config : backend 'web' has no mode", "web"),
        ("[ALERT]  (1) : Starting frontend api: cannot bind socket", "api"),
        ("[ALERT]  (1) : out of memory", ""),
    ],
)
def test_blame(alert: str, owner: str) -> None:
    assert list(blame([alert, "[ALERT] (1) : Error(s) found in configuration file"], CHUNKS)) == [
        owner
    ]


def judged(*bad: str) -> Any:
    """A judge that refuses stanzas with any of these words, at their place."""

    def judge(chunks: tuple[Chunk, ...]) -> tuple[Verdict, dict[str, str]]:
        lines = text_of(chunks).splitlines()
        alerts = tuple(
            f"[ALERT] (1) : config : parsing [/dev/stdin:{number}] : {word}"
            for number, text in enumerate(lines, 1)
            for word in bad
            if word in text
        )
        return Verdict(not alerts, alerts), {}

    return judge


def fill(frame: Skeleton) -> tuple[Chunk, ...]:
    return (*frame.head, *[Chunk(s.cluster, s.text) for s in frame.stanzas])


def test_a_faulty_cluster_is_confined_to_itself() -> None:
    given = settings()
    good = {n: make(given, n, backend=["mode http"]) for n in ("a", "b", "c")}
    bad = make(given, "b", backend=["zork"])
    found = confine(given, {**good, "b": bad}, {}, fill, judged("zork"))
    assert [s.cluster for s in found.skeleton.stanzas] == ["a", "c"]
    assert "zork" in found.refused["b"]
    kept = confine(given, {**good, "b": bad}, good, fill, judged("zork"))
    assert kept.skeleton.stanzas == tuple(good.values())
    assert set(kept.refused) == {"b"}


def test_a_last_good_stanza_that_is_no_longer_good_is_left_out() -> None:
    given = settings()
    before = {"b": make(given, "b", backend=["zonk"])}
    wanted = {"b": make(given, "b", backend=["zork"]), "c": make(given, "c")}
    found = confine(given, wanted, before, fill, judged("zork", "zonk"))
    assert [s.cluster for s in found.skeleton.stanzas] == ["c"]


def test_a_fault_of_the_settings_is_nobody_elses() -> None:
    given = settings(defaults=["zork"])
    with pytest.raises(Refused, match="zork"):
        confine(given, {"a": make(given, "a")}, {}, fill, judged("zork"))


READY = Live(1, "10.0.0.1", 80, 1)
A, B = "a_10.0.0.1_80", "b_10.0.0.2_80"


def commands(stanza: Stanza, nodes: tuple[Node, ...], live: dict[str, Live]) -> list[str]:
    way = climb(stanza, roster(nodes, stanza.options, {n: s.id for n, s in live.items()}), live)
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


def test_a_static_backend_reloads_for_what_is_new_and_for_nothing_else() -> None:
    static = web(backend=["balance source"])
    wanted = roster(NODES[:1], (), {A: 1})
    assert "balance source" in climb(static, wanted, {}).reload
    assert not climb(static, wanted, {A: READY})
    gone = climb(static, {}, {A: READY})
    assert not gone.reload
    assert gone.lose
    assert climb(static, wanted, {A: Live(1, "10.0.0.1", 80, 9)}).reload


def test_the_operators_servers_are_left_alone() -> None:
    assert not climb(web(backend=["server fixed 10.0.0.9:80"]), {}, {"fixed": READY})


def test_what_an_agent_says_is_no_drift() -> None:
    stanza = web("agent-check agent-port 9")
    wanted = roster(NODES[:1], stanza.options, {A: 1})
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
        "srv_port\n3 web 5 a ::1 2 0 1 80\n3 web 6 b 10.0.0.1 0 1 0 81\n"
        "3 web 7 c ::10.0.0.1 2 8 1 82\n4 api 8 d 10.0.0.2 2 4 256 83\n"
    )
    assert read_states(text) == {
        "web": {
            "a": Live(5, "::1", 80, 1),
            "b": Live(6, "10.0.0.1", 81, 0, "maint"),
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
    members = Membership(given)
    clusters = [Cluster(n, NODES, {"port": p}) for n, p in (("a", 1), ("b", 2), ("c", 3))]
    assert members.take(clusters) == ({"a", "b", "c"}, True)
    assert members.take(clusters) == (set(), False)
    moved = [clusters[0], Cluster("b", NODES[:1], {"port": 2}), clusters[2]]
    assert members.take(moved) == ({"b"}, False)
    assert members.take(moved[:2]) == (set(), True)
    assert members.take([*moved[:2], Cluster("x", NODES, None)]) == (set(), False)


def test_unknown_members_are_those_that_run() -> None:
    members = Membership(settings())
    members.take([Cluster("web", (), {"port": 1}, known=False)])
    live = {"web": {A: READY, "gone": Live(2, "10.0.0.5", 80, 1, "maint")}}
    assert set(members.servers(members.stanzas["web"], live)) == {A}
    assert members.servers(members.stanzas["web"], {}) == {}
    members.take([Cluster("web", (), {"port": 1})])
    assert members.servers(members.stanzas["web"], live) == {}


def test_binds_of_a_text() -> None:
    text = "frontend x\n    bind :80,127.0.0.1:81\n    bind [::1]:82 ssl\n    bind /run/x.sock\n"
    text += "    bind *:90-92\n    bind fd@3\n"
    assert list(binds([Chunk("x", text)])) == [
        ("x", "", 80),
        ("x", "127.0.0.1", 81),
        ("x", "::1", 82),
        ("x", "", 90),
        ("x", "", 91),
        ("x", "", 92),
    ]
