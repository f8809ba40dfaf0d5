"""The one way in for nodes: what is taken, what is refused, and that nothing else gets by."""

import ipaddress
import json
import re
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lighthouse.ipc.messages import decode_as, encode
from lighthouse.node import (
    MAX_METADATA,
    MAX_NOTES,
    MAX_RECORD,
    Node,
    Refused,
    is_cluster_name,
    parse,
)
from lighthouse.peer import Peer
from lighthouse.text import one_line

BASE = {"ip": "10.0.0.1", "port": 80}


@pytest.mark.parametrize(
    ("record", "node"),
    [
        ({}, Node("10.0.0.1", "10.0.0.1", 80)),
        ({"host": "web01.example.com"}, Node("web01.example.com", "10.0.0.1", 80)),
        ({"host": None}, Node("10.0.0.1", "10.0.0.1", 80)),
        (
            {"ip": "2001:DB8:0:0::1"},
            Node("2001-0db8" + "-0000" * 5 + "-0001", "2001:db8::1", 80),
        ),
        ({"ip": "::ffff:10.0.0.9"}, Node("10.0.0.9", "10.0.0.9", 80)),
        ({"host": "::1"}, Node("0000-" * 7 + "0001", "10.0.0.1", 80)),
        ({"weight": 0}, Node("10.0.0.1", "10.0.0.1", 80, weight=0)),
        ({"weight": 256}, Node("10.0.0.1", "10.0.0.1", 80, weight=256)),
        ({"port": 65535}, Node("10.0.0.1", "10.0.0.1", 65535)),
        ({"metadata": None, "peer": None}, Node("10.0.0.1", "10.0.0.1", 80)),
        ({"metadata": "", "peer": ""}, Node("10.0.0.1", "10.0.0.1", 80)),
        ({"metadata": "null", "peer": "null"}, Node("10.0.0.1", "10.0.0.1", 80)),
        ({"metadata": "{}", "peer": "{}"}, Node("10.0.0.1", "10.0.0.1", 80)),
        (
            {"metadata": {"role": "primary", "tags": ["a", {"b": 1.5}], "x": None}},
            Node(
                "10.0.0.1",
                "10.0.0.1",
                80,
                metadata={"role": "primary", "tags": ["a", {"b": 1.5}], "x": None},
            ),
        ),
        ({"metadata": '{"zone": "a"}'}, Node("10.0.0.1", "10.0.0.1", 80, metadata={"zone": "a"})),
        (
            {"peer": '{"name": "web01", "ip": "10.0.0.2"}'},
            Node("10.0.0.1", "10.0.0.1", 80, peer=Peer("web01", "10.0.0.2", 1024)),
        ),
        (
            {"peer": {"host": "web01", "ip": "10.0.0.2", "port": 7}},
            Node("10.0.0.1", "10.0.0.1", 80, peer=Peer("web01", "10.0.0.2", 7)),
        ),
        ({"labels": {"x": "\n"}, "name": "\0"}, Node("10.0.0.1", "10.0.0.1", 80)),
    ],
)
def test_what_is_taken(record: dict[str, Any], node: Node) -> None:
    assert parse({**BASE, **record}) == node
    assert parse(json.dumps({**BASE, **record})) == node
    assert parse(json.dumps({**BASE, **record}).encode()) == node


def test_nerves_records_have_no_ip() -> None:
    node = parse(b'{"host": "10.0.0.7", "port": 3000, "name": "web_7", "weight": 2}')
    assert node == Node("10.0.0.7", "10.0.0.7", 3000, 2)


def test_names() -> None:
    node = parse({**BASE, "host": "web01"})
    assert node.name == "web01:80"
    assert node.key == ("10.0.0.1", 80)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"ip": None}, "ip: expected an IP address, got nothing"),
        ({"ip": 5}, "ip: expected an IP address, got a number"),
        ({"ip": "web01"}, "ip: 'web01' is not an IP address"),
        ({"ip": "10.0.0.1 "}, "ip: '10.0.0.1 ' is not an IP address"),
        ({"ip": "10.0.0.01"}, "ip: '10.0.0.01' is not an IP address"),
        ({"ip": "10.0.0.1\n"}, "ip: '10.0.0.1\\n' is not an IP address"),
        ({"ip": "\u0661.0.0.1"}, "ip: '\\u0661.0.0.1' is not an IP address"),
        ({"ip": "unix@/tmp/x"}, "ip: 'unix@/tmp/x' is not an IP address"),
        ({"ip": "fe80::1%eth0"}, "ip: 'fe80::1%eth0' has a scope, which other hosts cannot use"),
        ({"ip": "0.0.0.0"}, "ip: 0.0.0.0 is not an address of one host"),
        ({"ip": "::"}, "ip: :: is not an address of one host"),
        ({"ip": "::ffff:0.0.0.0"}, "ip: 0.0.0.0 is not an address of one host"),
        ({"ip": "224.0.0.1"}, "ip: 224.0.0.1 is not an address of one host"),
        ({"ip": "::ffff:224.0.0.1"}, "ip: 224.0.0.1 is not an address of one host"),
        ({"ip": "ff02::1"}, "ip: ff02::1 is not an address of one host"),
        ({"ip": "255.255.255.255"}, "ip: 255.255.255.255 is not an address of one host"),
        ({"port": None}, "port: expected 1..65535, got nothing"),
        ({"port": "http"}, "port: expected 1..65535, got 'http'"),
        ({"port": "0x50"}, "port: expected 1..65535, got '0x50'"),
        ({"port": "0080"}, "port: expected 1..65535, got '0080'"),
        ({"port": " 80"}, "port: expected 1..65535, got ' 80'"),
        ({"port": "\u0668"}, "port: expected 1..65535, got '\\u0668'"),
        ({"port": "70000"}, "port: expected 1..65535, got 70000"),
        ({"port": ""}, "port: expected 1..65535, got ''"),
        ({"port": 80.5}, "port: expected 1..65535, got a fraction"),
        ({"port": [80]}, "port: expected 1..65535, got a list"),
        ({"port": True}, "port: expected 1..65535, got true or false"),
        ({"port": 0}, "port: expected 1..65535, got 0"),
        ({"port": 65536}, "port: expected 1..65535, got 65536"),
        ({"port": 10**400}, "port: expected 1..65535, got a huge number"),
    ],
)
def test_what_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=f"^{re.escape(reason)}$"):
        parse({**BASE, **record})


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"weight": -1}, "weight: expected 0..256, got -1"),
        ({"host": 5}, "host: expected a host name, got a number"),
        ({"host": "a b"}, "host: 'a b' is not a host name"),
        ({"host": "web01\n"}, "host: 'web01\\n' is not a host name"),
        (
            {"host": "web01\nserver evil"},
            "host: 'web01\\nserver evil' is not a host name",
        ),
        ({"host": "${HOME}"}, "host: '${HOME}' is not a host name"),
        ({"host": "web#1"}, "host: 'web#1' is not a host name"),
        ({"host": "w\0"}, "host: 'w\\x00' is not a host name"),
        ({"host": "-web"}, "host: '-web' is not a host name"),
        ({"host": "we\u00df"}, "host: 'we\\xdf' is not a host name"),
        ({"host": "x" * 254}, "host: '" + "x" * 55 + "...' is not a host name"),
        ({"host": "web:01"}, "host: 'web:01' is not a host name or an address"),
        ({"peer": 5}, "peer: expected an object, got a number"),
        ({"peer": "[]"}, "peer: expected an object, got a list"),
        ({"peer": {"name": "a"}}, "peer.ip: expected an IP address, got nothing"),
        ({"peer": {"ip": "1.2.3.4"}}, "peer.name: expected a host name, got nothing"),
        (
            {"peer": {"name": "a", "ip": "1.2.3.4", "port": 0}},
            "peer.port: expected 1..65535, got 0",
        ),
        ({"metadata": []}, "metadata: expected an object, got a list"),
        ({"metadata": "[1]"}, "metadata: expected an object, got a list"),
        ({"metadata": {"a\n": 1}}, "metadata: key 'a\\n' is no printable text"),
        ({"metadata": {"a": "b\nc"}}, "metadata.a: 'b\\nc' has control characters"),
        ({"metadata": {"a": ["\x7f"]}}, "metadata.a[0]: '\\x7f' has control characters"),
        ({"metadata": {"a": "\u2028"}}, "metadata.a: '\\u2028' has control characters"),
        ({"metadata": {"a": [[[[]]]]}}, "metadata.a[0][0][0]: nested deeper than 4"),
        ({"metadata": {"a": 2**63}}, "metadata.a: the number is out of range"),
        ({"weight": "heavy"}, "weight: expected 0..256, got 'heavy'"),
        ({"weight": []}, "weight: expected 0..256, got a list"),
        ({"weight": True}, "weight: expected 0..256, got true or false"),
        ({"weight": float("nan")}, "weight: expected 0..256, got a fraction"),
    ],
)
def test_a_part_that_is_of_no_use_costs_only_itself(record: dict[str, Any], reason: str) -> None:
    """And the whole record where an operator has written it."""
    assert parse({**BASE, **record}) == Node(
        "10.0.0.1", "10.0.0.1", 80, notes=(one_line(f"{reason}; it is left out"),)
    )
    with pytest.raises(Refused, match=f"^{re.escape(reason)}$"):
        parse({**BASE, **record}, strict=True)


@pytest.mark.parametrize(
    ("weight", "taken", "note"),
    [
        (257, 256, "weight: expected 0..256, got more; it counts as 256"),
        (10**400, 256, "weight: expected 0..256, got more; it counts as 256"),
        (0.2, 1, "weight: expected 0..256, got a fraction; it counts as 1"),
        (2.6, 3, "weight: expected 0..256, got a fraction; it counts as 3"),
        (float("inf"), 256, "weight: expected 0..256, got a fraction; it counts as 256"),
        (7.0, 7, ""),
        (0.0, 0, ""),
        ("0", 0, ""),
        ("12", 12, ""),
        (None, 1, ""),
        ("", 1, ""),
    ],
)
def test_a_weight_becomes_the_nearest_that_there_is(weight: Any, taken: int, note: str) -> None:
    node = parse({**BASE, "weight": weight})
    assert (node.weight, node.notes) == (taken, (note,) if note else ())


def test_of_metadata_only_the_entry_that_is_of_no_use_goes() -> None:
    labels = {"region:r1": "", "a/b.c": "x", "": 1, "\u00e4": 2, "n": None, "bad": "\n", "k\n": 1}
    node = parse({**BASE, "metadata": labels})
    assert node.metadata == {"region:r1": "", "a/b.c": "x", "": 1, "\u00e4": 2, "n": None}
    assert node.notes == (
        "metadata.bad: '\\n' has control characters; it is left out",
        "metadata: key 'k\\n' is no printable text; it is left out",
    )


def test_of_too_much_metadata_the_largest_goes() -> None:
    metadata = {"zone": "a", "big": "x" * 3000, "bigger": "y" * 3500}
    node = parse({**BASE, "metadata": metadata})
    assert node.metadata == {"zone": "a", "big": "x" * 3000}
    (note,) = node.notes
    assert note.endswith("at most 4096 are taken; 'bigger' is left out")
    many = {f"{number:05}": 1 for number in range(3000)}
    node = parse({**BASE, "metadata": many})
    assert 300 < len(node.metadata) < 400
    assert len(node.notes) == MAX_NOTES


@pytest.mark.parametrize("ip", [None, ""])
def test_an_address_that_is_not_there_is_the_hosts(ip: Any) -> None:
    assert parse({"ip": ip, "host": "10.0.0.7", "port": "26101"}) == Node(
        "10.0.0.7", "10.0.0.7", 26101
    )


def test_numbers_that_json_does_not_have_cost_their_part_only() -> None:
    node = parse(b'\xef\xbb\xbf{"ip": "10.0.0.1", "port": 80, "metadata": {"lag": NaN, "a": 1}}')
    assert node.metadata == {"a": 1}
    assert len(node.notes) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "nothing is written there"),
        (" \n", "nothing is written there"),
        (b"{", "record: not JSON"),
        (b"[]", "record: expected an object, got a list"),
        (b"null", "record: expected an object, got nothing"),
        (b'"text"', "record: expected an object, got text"),
        (b"\xff\xfe", "record: not JSON"),
        (b'{"ip": "\xff"}', "record: not JSON"),
        (b'{"host": "\\ud800"}', "ip: '\\ud800' is not an IP address"),
        ('{"host": "\ud800"}', "record: not JSON"),
        (b"[" * 10_000, "record: not JSON"),
        (b'{"port": 1' + b"0" * 6000 + b"}", "record: not JSON"),
        (b'{"port": NaN}', "ip: expected an IP address, got nothing"),
        (b" " * (MAX_RECORD + 1), "record: 16385 bytes, at most 16384 are read"),
        ("\u20ac" * 6000, "record: 18000 bytes, at most 16384 are read"),
    ],
)
def test_records_that_are_none(data: bytes | str, reason: str) -> None:
    with pytest.raises(Refused, match=f"^{re.escape(reason)}") as caught:
        parse(data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, b"x", {1}, object()])
def test_values_that_json_does_not_have(value: Any) -> None:
    node = parse({**BASE, "metadata": {"a": value}})
    assert node.metadata == {}
    assert node.notes[0].startswith("metadata.a: ")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("webapp", True),
        ("api_v1.eu-west", True),
        ("9", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("", False),
        (".", False),
        ("..", False),
        ("-x", False),
        ("a/b", False),
        ("a b", False),
        ("a\n", False),
        ("\u00e4", False),
    ],
)
def test_cluster_names(name: str, good: bool) -> None:
    assert is_cluster_name(name) is good


NASTY = [
    *["a\nb", "a\r", "\0", "'", '"', ";", "#", "${HOME}", "a b", "\\", "../x", "\u202e", "\x7f"],
    *["%[env(HOME)]", "unix@/x", "fd@1", "*", "0.0.0.0", "::", "10.0.0.1:80", "\u0661", "x" * 300],
    *["10.0.0.1", "::1", "web01", "a.b", "", "{}", '{"name": "a\\nb", "ip": "1.2.3.4"}', "null"],
]
HOSTILE = st.sampled_from(NASTY)
TEXT = HOSTILE | st.text(max_size=40)
SCALAR = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from([80, 1, 256])
)
VALUE = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "ip": st.sampled_from(["10.0.0.1", "2001:db8::1"]) | st.ip_addresses().map(str) | VALUE,
        "port": st.integers(1, 65535) | VALUE,
        "host": st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True) | VALUE,
        "weight": st.integers(0, 256) | VALUE,
        "metadata": st.dictionaries(TEXT, VALUE, max_size=3) | VALUE,
        "peer": st.fixed_dictionaries({"name": TEXT, "ip": TEXT, "port": SCALAR}) | VALUE,
    },
)
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


def assert_safe(node: Node) -> None:
    """The grammar, written down a second time."""
    assert all(note.isprintable() and len(note) <= 200 for note in node.notes)
    for host, ip, port in [(node.host, node.ip, node.port)] + (
        [(node.peer.name, node.peer.ip, node.peer.port)] if node.peer else []
    ):
        assert HOST.fullmatch(host)
        assert len(host) <= 253
        address = ipaddress.ip_address(ip)
        assert str(address) == ip
        assert not address.is_multicast
        assert not address.is_unspecified
        assert type(port) is int
        assert 1 <= port <= 65535
    assert type(node.weight) is int
    assert 0 <= node.weight <= 256
    assert len(json.dumps(node.metadata, allow_nan=False)) <= MAX_METADATA
    assert_safe_value(node.metadata, 4)


def assert_safe_value(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        assert depth > 0
    if isinstance(value, dict):
        assert all(key.isprintable() for key in value)
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            assert_safe_value(entry, depth - 1)
    elif isinstance(value, str):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", value)
    else:
        assert value is None or isinstance(value, bool | int | float)


def outcome(record: Any) -> Node | Refused:
    try:
        return parse(record)
    except Refused as refusal:
        return refusal


def check(record: Any) -> None:
    found = outcome(record)
    if isinstance(found, Refused):
        assert str(found).isprintable()
        assert len(str(found)) < 400
    else:
        assert_safe(found)
        assert decode_as(Node, encode(found)) == found


@settings(max_examples=200, deadline=None)
@given(RECORD)
@example({"ip": "10.0.0.1", "port": 1, "metadata": {"a": {"b": {"c": {}}}}})
def test_no_hostile_record_gives_an_unsafe_node(record: dict[str, Any]) -> None:
    check(record)


@given(RECORD, st.booleans())
def test_nor_does_one_in_json(record: dict[str, Any], nested: bool) -> None:
    if nested:
        record = {
            key: json.dumps(value) if isinstance(value, dict) else value
            for key, value in record.items()
        }
    check(json.dumps(record))
    check(json.dumps(record).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nor_does_any_text(data: bytes | str) -> None:
    check(data)


@given(st.binary(max_size=8), st.integers(0, 60))
def test_nor_does_a_damaged_record(noise: bytes, place: int) -> None:
    good = b'{"ip": "10.0.0.1", "port": 80, "metadata": {"zone": "a"}}'
    check(good[:place] + noise + good[place:])
    check(good[:place] + noise + good[place + len(noise) :])


def test_nor_does_any_of_five_thousand() -> None:
    random = Random(5)
    pool: list[Any] = [
        *NASTY,
        80,
        0,
        -1,
        65536,
        1.5,
        True,
        None,
        [],
        {},
        2**70,
        float("nan"),
        "10.0.0.2",
    ]

    def value(depth: int) -> Any:
        if depth and random.random() < 0.3:
            return {str(value(0)): value(depth - 1) for _ in range(2)}
        return random.choice(pool)

    taken = 0
    for _ in range(5_000):
        record = {**BASE, "host": "web01", "weight": 3, "metadata": {}, "peer": None}
        for key in random.sample(sorted(record), random.randrange(1, 3)):
            record[key] = value(4)
        check(record)
        taken += isinstance(outcome(record), Node)
    assert 0 < taken < 5_000


def test_nodes_are_values() -> None:
    assert parse(BASE) == parse(BASE)
    with pytest.raises(AttributeError):
        parse(BASE).port = 5
    assert isinstance(parse(BASE), msgspec.Struct)


def test_numbers_too_long_to_be_shown() -> None:
    with pytest.raises(Refused, match="a huge number"):
        parse({**BASE, "port": 10**5000})
    node = parse({**BASE, "weight": -(10**5000), "metadata": {"n": 10**5000}})
    assert "a huge number" in node.notes[0]
    assert "out of range" in node.notes[1]
