"""Nodes in the formats that stand in coordination services already."""

import json
from typing import Any

import pytest

from lighthouse.discovery import Refusal
from lighthouse.node import Node, Refused
from lighthouse.peer import Peer
from lighthouse.record import Format, decode, encode, owner_of

NODE = Node("web1", "10.0.0.1", 80, 3, {"zone": "a"}, Peer("web1", "10.0.0.1"))


def test_a_node_is_written_as_the_2016_lighthouse_reads_it() -> None:
    record = json.loads(encode(NODE, "web1:abc"))
    assert (record["host"], record["ip"], record["port"]) == ("web1", "10.0.0.1", 80)
    assert json.loads(record["peer"]) == {"name": "web1", "ip": "10.0.0.1", "port": 1024}
    assert json.loads(record["metadata"]) == {"zone": "a"}


@pytest.mark.parametrize("node", [NODE, Node("a", "::1", 1), Node("b", "10.0.0.2", 2, 0)])
def test_what_is_written_is_read_again(node: Node) -> None:
    data = encode(node, "web1:abc")
    assert decode(data) == node
    assert owner_of(data) == "web1:abc"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"owner": 5}', b"\xff", b"[" * 5000])
def test_what_carries_no_mark_is_nobodys(data: bytes) -> None:
    assert owner_of(data) is None


def test_a_node_is_written_as_synapse_reads_it() -> None:
    node = Node("web1", "10.0.0.1", 80, 3, {"zone": "a"})
    data = encode(node, "web1:abc", "smartstack")
    assert json.loads(data) == {
        "host": "10.0.0.1",
        "port": 80,
        "name": "web1",
        "weight": 3,
        "labels": {"zone": "a"},
        "owner": "web1:abc",
    }
    assert owner_of(data) == "web1:abc"
    assert decode(data, "smartstack") == node


NERVE = {"host": "10.0.0.1", "port": 3000, "name": "mymachine"}


@pytest.mark.parametrize(
    ("changes", "node"),
    [
        ({}, Node("mymachine", "10.0.0.1", 3000)),
        ({"weight": 7}, Node("mymachine", "10.0.0.1", 3000, 7)),
        ({"weight": None}, Node("mymachine", "10.0.0.1", 3000)),
        ({"labels": {"az": "a"}}, Node("mymachine", "10.0.0.1", 3000, metadata={"az": "a"})),
        ({"labels": None}, Node("mymachine", "10.0.0.1", 3000)),
        ({"haproxy_server_options": "backup"}, Node("mymachine", "10.0.0.1", 3000)),
        ({"name": ""}, Node("10.0.0.1", "10.0.0.1", 3000)),
        ({"port": "26101"}, Node("mymachine", "10.0.0.1", 26101)),
        ({"weight": "7"}, Node("mymachine", "10.0.0.1", 3000, 7)),
        (
            {"labels": {"region:r1": "", "superregion:s/1": "x"}},
            Node(
                "mymachine",
                "10.0.0.1",
                3000,
                metadata={"region:r1": "", "superregion:s/1": "x"},
            ),
        ),
        ({"name": None}, Node("10.0.0.1", "10.0.0.1", 3000)),
    ],
)
def test_what_nerve_writes_is_read(changes: dict[str, Any], node: Node) -> None:
    assert decode(json.dumps(NERVE | changes).encode(), "smartstack") == node


@pytest.mark.parametrize(
    ("options", "metadata"),
    [
        ("backup", {"backup": True}),
        ("check inter 2s rise 3", {"check": True, "inter": "2s", "rise": 3}),
        ("inter", {}),
        ("", {}),
        (None, {}),
        (7, {}),
    ],
)
def test_nerves_server_options_pass_where_they_are_allowed(
    options: object, metadata: dict[str, Any]
) -> None:
    data = json.dumps(NERVE | {"labels": {"az": "a"}, "haproxy_server_options": options}).encode()
    node = decode(data, "smartstack", options=True)
    assert node.metadata == {"az": "a"} | metadata


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 5000,
        b" " * 20_000,
        b'{"port": 1}',
        json.dumps(NERVE | {"host": "db.example.com"}).encode(),
        json.dumps(NERVE | {"host": ["10.0.0.1"]}).encode(),
    ],
)
def test_what_nerve_should_not_write_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        decode(data, "smartstack")


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"name": "no host\n"}, "host: 'no host\\n' is not a host name"),
        ({"name": ["a"]}, "host: expected a host name, got a list"),
        ({"weight": "heavy"}, "weight: expected 0..256, got 'heavy'"),
        ({"weight": {"w": 1}}, "weight: expected 0..256, got an object"),
        ({"labels": "x"}, "metadata: not JSON"),
        ({"labels": ["az"]}, "metadata: expected an object, got a list"),
        ({"labels": {"a": "\n"}}, "metadata.a: '\\n' has control characters"),
    ],
)
def test_what_nerve_should_not_write_costs_no_node(changes: dict[str, Any], note: str) -> None:
    node = decode(json.dumps(NERVE | changes).encode(), "smartstack")
    assert (node.ip, node.port, node.weight, node.metadata) == ("10.0.0.1", 3000, 1, {})
    (said,) = node.notes
    assert said.startswith(note)
    assert said.endswith("; it is left out")


def test_what_is_wrong_with_a_record_of_2016_costs_no_node() -> None:
    record = {"host": "web 1", "ip": "10.0.0.1", "port": "80", "peer": "{", "metadata": "[]"}
    node = decode(json.dumps(record).encode())
    assert (node.host, node.ip, node.port, node.peer) == ("10.0.0.1", "10.0.0.1", 80, None)
    assert [note.partition(":")[0] for note in node.notes] == ["host", "metadata", "peer"]
    assert json.loads(encode(node, "web1:abc")).keys() == {
        *("host", "ip", "port", "weight", "metadata", "owner")
    }


def test_the_reason_for_what_is_no_json_is_whole() -> None:
    for written in ("lighthouse", "smartstack"):
        with pytest.raises(Refused, match=r"^record: not JSON \(Input data was truncated\)$"):
            decode(b'{"ip": ', written)


@pytest.mark.parametrize("written", ["lighthouse", "smartstack"])
@pytest.mark.parametrize("data", [b"", b" \n"])
def test_nothing_is_no_record_and_no_fault(data: bytes, written: Format) -> None:
    with pytest.raises(Refused) as refused:
        decode(data, written)
    assert Refusal("lock", str(refused.value)).is_fault is False
    with pytest.raises(Refused) as refused:
        decode(b"lock", written)
    assert Refusal("lock", str(refused.value)).is_fault is True
