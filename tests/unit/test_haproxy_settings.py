"""HAProxy's settings, directives, server records and stanzas, as tables and properties."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighthouse.haproxy.rendering.server import IDS, Need, ServerLine, id_of, name_of
from lighthouse.haproxy.rendering.server import roster as needed
from lighthouse.haproxy.rendering.stanza import Stanza, build
from lighthouse.haproxy.schema.balancer import parse_settings
from lighthouse.haproxy.schema.cluster import ClusterSection, parse_section
from lighthouse.haproxy.schema.directive import fault, words
from lighthouse.node import Node
from lighthouse.schema import Invalid

MINIMAL = {
    "config_file": "/etc/haproxy.cfg",
    "socket_file": "/var/run/haproxy.sock",
    "pid_file": "/var/run/haproxy.pid",
}
SETTINGS = parse_settings(MINIMAL)


def stanza(settings: dict[str, Any] | None = None, **section: Any) -> Stanza:
    parsed = parse_settings({**MINIMAL, **(settings or {})})
    return build(parsed, "web", parse_section(section), None).stanza


def roster(
    nodes: list[Node], options: tuple[str, ...], live: dict[str, int]
) -> dict[str, ServerLine]:
    return needed([Need(node) for node in nodes], options, False, live)


def test_defaults() -> None:
    assert SETTINGS.master == "/var/run/haproxy.sock.master"
    assert SETTINGS.bind_address == "*"


FAULTS: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"globl": []}, ("globl",), "did you mean 'global'"),
    ({"global": ["maxconn 5\nlisten evil"]}, ("global", 0), "one line"),
    ({"global": ["ok", "frontend x"]}, ("global", 1), "begins a section"),
    ({"defaults": ["a\x00b"]}, ("defaults", 0), "control characters"),
    ({"defaults": [".if streq(a,a)"]}, ("defaults", 0), "'global' only"),
    ({"config_file": "relative.cfg"}, ("config_file",), "absolute path"),
    ({"socket_file": "/run/a b"}, ("socket_file",), "absolute path"),
    ({"socket_file": "/run/" + "x" * 100}, ("socket_file",), "at most 88"),
    ({"bind_address": "eth0"}, ("bind_address",), "IP address"),
    ({"stats": {"port": 0}}, ("stats", "port"), "1"),
    ({"stats": {"port": 65536}}, ("stats", "port"), "65535"),
    ({"stats": {"port": 9, "uri": "x y"}}, ("stats", "uri"), "path"),
    ({"stats": {"port": 9, "timeouts": {"client": "5 s"}}}, ("stats", "timeouts", "client"), "5s"),
    ({"meta_clusters": {"a b": {"port": 9}}}, ("meta_clusters", "a b"), "a name"),
    (
        {"proxies": {"p": {"port": 9, "upstreams": [{"host": "a;b", "port": 1}]}}},
        ("proxies", "p", "upstreams", 0, "host"),
        "host name",
    ),
    ({"stats": {"port": 9}, "proxies": {"p": {"port": 9}}}, ("proxies", "p", "port"), "stats"),
]


@pytest.mark.parametrize(("extra", "place", "message"), FAULTS)
def test_faults_name_their_place(
    extra: dict[str, Any], place: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(Invalid) as caught:
        parse_settings({**MINIMAL, **extra})
    (problem,) = caught.value.problems
    assert problem.path == place
    assert message in problem.message


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"prot": 80}, ("prot",)),
        ({"port": "80"}, ("port",)),
        ({"port": 70000}, ("port",)),
        ({"backend": ["mode http", "server x\rlisten y"]}, ("backend", 1)),
        ({"frontend": ["backend evil"]}, ("frontend", 0)),
        ({"server_options": "check\nlisten x"}, ("server_options",)),
        ({"server_options": ["check", "a\x7f"]}, ("server_options", 1)),
        ({"server_options": "check disabled"}, ("server_options",)),
        ({"acl": "path_beg /\n"}, ("acl",)),
    ],
)
def test_section_faults(section: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_section(section)
    assert place in [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("balance  roundrobin", ("balance", "roundrobin")),
        ("  check # inter 2s", ("check",)),
        ("check#inter", ("check",)),
        (r"sni str(a\ b) x", ("sni", r"str(a\ b)", "x")),
        ('sni "a # b" y', ("sni", '"a # b"', "y")),
        ("cookie 'a b'c", ("cookie", "'a b'c")),
        ("", ()),
    ],
)
def test_words(line: str, expected: tuple[str, ...]) -> None:
    assert words(line) == expected


@given(st.text())
def test_a_line_that_passes_cannot_leave_its_section(line: str) -> None:
    if not fault(line):
        assert len(line.splitlines()) <= 1
        assert "\n" not in line
        assert "\r" not in line


@pytest.mark.parametrize(
    ("host", "ip", "name"),
    [
        ("web1", "10.0.0.1", "web1_10.0.0.1_80"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1_80"),
        ("web1", "::1", "web1_0--1_80"),
        ("0000-0000-0000-0000-0000-0000-0000-0001", "::1", "0--1_80"),
        ("h" * 250, "10.0.0.1", "h" * 51 + "_10.0.0.1_80"),
    ],
)
def test_name(host: str, ip: str, name: str) -> None:
    assert name_of(host, ip, 80) == name
    assert len(name) <= 63


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
PLACES = st.tuples(ADDRESSES, st.integers(1, 65535))
HOSTS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?", fullmatch=True)


@given(st.dictionaries(PLACES, HOSTS, max_size=30))
def test_names_are_safe_and_unique(nodes: dict[tuple[str, int], str]) -> None:
    names = {name_of(host, ip, port) for (ip, port), host in nodes.items()}
    assert len(names) == len(nodes)
    for name in names:
        assert len(name) <= 63
        assert name[0].isalnum()
        assert set(name) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
        )


def test_ids_do_not_depend_on_siblings() -> None:
    nodes = [Node(f"h{n}", f"10.0.0.{n}", 80) for n in range(1, 9)]
    everyone = roster(nodes, (), {})
    for node in nodes:
        (alone,) = roster([node], (), {}).values()
        assert alone == everyone[alone.name]
        assert 1 <= alone.id <= IDS


def test_a_collision_moves_on_and_the_live_id_wins() -> None:
    node = Node("h", "10.0.0.1", 80)
    name = name_of("h", "10.0.0.1", 80)
    (moved,) = roster([node], (), {"other": id_of(name)}).values()
    assert moved.id == id_of(name) % IDS + 1
    (kept,) = roster([node], (), {name: 7}).values()
    assert kept.id == 7


def test_one_record_gives_line_and_command() -> None:
    server = ServerLine("n", 5, "::1", 80, 3, ("check", "inter", "2s"))
    expected = "[::1]:80 id 5 weight 3 pool-purge-delay 5s pool-max-conn -1 check inter 2s"
    assert " ".join(server.words()) == expected
    assert server.line() == f"    server n {expected}\n"


def test_default_server_is_spelled_out_in_the_order_of_precedence() -> None:
    made = stanza(
        {"defaults": ["default-server inter 1s weight 5 enabled"]},
        backend=["default-server check init-addr none # not me"],
        server_options=["inter 3s", "ssl verify none"],
    )
    assert made.facts.options == ("inter", "1s", "check", "inter", "3s", "ssl", "verify", "none")


@pytest.mark.parametrize(
    ("backend", "options", "way", "reason"),
    [
        ([], "", "add", ""),
        (["balance roundrobin"], "check inter 2s", "add", ""),
        (["balance leastconn"], "", "add", ""),
        (["balance random(2)"], "", "add", ""),
        (["balance first"], "", "add", ""),
        (["balance source", "hash-type consistent"], "", "add", ""),
        (["balance hdr(x)", "hash-type consistent sdbm"], "", "add", ""),
        (["balance source"], "", "slot", "balance source"),
        (["balance uri depth 3"], "", "reload", "balance uri"),
        (["balance static-rr"], "", "slot", "static-rr"),
        (["balance hdr(x)", "hash-type map-based"], "", "reload", "balance hdr"),
        (["cookie SRV insert"], "", "reload", "cookie"),
        (["cookie SRV insert dynamic", "dynamic-cookie-key k"], "", "slot", "cookie"),
        ([], "cookie abc", "slot", "cookie"),
        ([], "check resolvers dns", "slot", "resolvers"),
        ([], "max-reuse 5", "slot", "max-reuse"),
        ([], "proto h2", "slot", "h2"),
        ([], "ssl alpn h2,http/1.1", "slot", "h2"),
        ([], "sni 'str(a b)'", "slot", "characters"),
        ([], "sni str(a);b", "slot", "characters"),
        (["default-server cookie x"], "", "slot", "cookie"),
        ([], " ".join(["check"] * 60), "slot", "60 words"),
    ],
)
def test_how_a_backend_takes_new_nodes(
    backend: list[str], options: str, way: str, reason: str
) -> None:
    growth = stanza(backend=backend, server_options=options).facts.growth
    assert growth.way == way
    assert (reason in growth.why) if reason else growth.why == ""


def test_slots_can_be_had_for_any_backend() -> None:
    for backend in ([], ["balance uri"], ["cookie SRV insert"]):
        assert stanza(backend=backend, slots=8).facts.growth.way == "slot"


def test_a_balance_in_defaults_counts_until_the_backend_has_its_own() -> None:
    static = {"defaults": ["balance source"]}
    assert "source" in stanza(static).facts.growth.why
    assert stanza(static, backend=["balance roundrobin"]).facts.growth.why == ""


def test_the_operators_own_servers_are_known() -> None:
    made = stanza(backend=["server fixed 10.0.0.9:80", "server-template tpl 3 10.0.0.8:80"])
    assert made.owns("fixed")
    assert made.owns("tpl2")
    assert not made.owns("tpl2_10.0.0.1_80"), "a node whose host is named like the template"
    assert not made.owns("other")


def test_a_backend_without_a_port_has_no_frontend() -> None:
    assert "frontend" not in build(SETTINGS, "b", ClusterSection(), None).stanza.text
    own = ClusterSection(frontend=("bind :443 ssl crt /x.pem",))
    assert "frontend b\n    bind :443" in build(SETTINGS, "b", own, None).stanza.text
